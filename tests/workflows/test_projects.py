"""Config projects: branches side by side, commits during a run, what is fetched and removed."""

from pathlib import Path

import msgspec
import pytest
from dulwich import porcelain

from domain.plan import PlanInvalid
from services.workflows.git import BranchUnknown, ProjectUnusable, RemoteAway
from services.workflows.loading import WorkflowUnknown, load_workflow, script_path
from services.workflows.projects import Projects
from services.workflows.settings import BUILT_IN, WorkflowSettings
from tests.fixtures.config_projects import SCRIPT, ConfigProject, one_activity


@pytest.fixture
def project(tmp_path: Path) -> ConfigProject:
    made = ConfigProject(tmp_path)
    made.commit(workflows__w_yaml=one_activity(), activities__say_py=SCRIPT % "main")
    return made


def said(projects: Projects, commit: str) -> str:
    return (projects.checkout(commit) / "activities/say.py").read_text()


def test_main_and_branches_have_their_own_code_side_by_side(project: ConfigProject) -> None:
    for name in ("feature/one", "two"):
        project.branch(name)
        project.commit(activities__say_py=SCRIPT % name)
        project.go_to("main")
    project.commit(activities__only_main_py="x = 1\n")
    projects = Projects(project.settings)
    commits = {name: projects.commit(name) for name in (None, "main", "feature/one", "two")}
    assert commits[None] == commits["main"]
    assert said(projects, commits["feature/one"] or "") == SCRIPT % "feature/one"
    assert said(projects, commits["two"] or "") == SCRIPT % "two"
    assert said(projects, commits[None] or "") == SCRIPT % "main"
    # Nothing of production's code is on a branch, nor the other way round.
    assert not (projects.checkout(commits["two"] or "") / "activities/only_main.py").exists()
    worktrees = project.settings.worktrees_dir
    assert {each.name for each in worktrees.iterdir()} == {"feature%2Fone", "two"}


def test_a_commit_counts_from_the_next_run_and_changes_no_earlier_checkout(
    project: ConfigProject,
) -> None:
    projects = Projects(project.settings)
    before = projects.commit(None)
    folder = projects.checkout(before)
    project.commit(activities__say_py=SCRIPT % "newer", activities__more_py="")
    assert (folder / "activities/say.py").read_text() == SCRIPT % "main"
    after = projects.commit(None)
    assert said(projects, after) == SCRIPT % "newer"
    assert said(projects, before) == SCRIPT % "main"


def test_without_reload_a_process_keeps_to_the_commit_that_it_began_with(
    project: ConfigProject,
) -> None:
    settings = msgspec.structs.replace(project.settings, dynamic_reload=False)
    projects = Projects(settings)
    before = projects.commit(None)
    after = project.commit(activities__say_py=SCRIPT % "newer")
    assert projects.commit(None) == before
    assert Projects(settings).commit(None) == after


def test_a_checkout_that_was_interrupted_is_made_again(project: ConfigProject) -> None:
    projects = Projects(project.settings)
    commit = projects.commit(None)
    half = project.settings.checkouts_dir / commit
    half.mkdir(parents=True)
    (half / "half.py").write_text("")
    folder = projects.checkout(commit)
    assert not (folder / "half.py").exists()
    assert (folder / "activities/say.py").exists()


@pytest.mark.parametrize(
    "branch", ["nowhere", "../repo", "a/../b", "-x", "a b", "", "a.lock", "a//b", "x" * 200, "a\0"]
)
def test_a_branch_that_is_none_is_refused(project: ConfigProject, branch: str) -> None:
    with pytest.raises(BranchUnknown):
        Projects(project.settings).commit(branch)
    assert not project.settings.worktrees_dir.exists()


def test_a_project_that_is_not_there_is_refused_with_what_to_do(tmp_path: Path) -> None:
    settings = WorkflowSettings(workflow_dir=tmp_path / "none", checkouts_dir=tmp_path / "c")
    with pytest.raises(ProjectUnusable, match="clone the config project"):
        Projects(settings).commit(None)
    empty = ConfigProject(tmp_path)
    with pytest.raises(ProjectUnusable, match="no commit yet"):
        Projects(empty.settings).commit(None)


def test_a_sync_follows_the_remote_and_removes_what_no_run_uses(
    project: ConfigProject, tmp_path: Path
) -> None:
    project.branch("feature")
    project.go_to("main")
    clone = tmp_path / "clone"
    porcelain.clone(str(project.folder), str(clone), errstream=porcelain.NoneStream()).close()
    settings = msgspec.structs.replace(project.settings, workflow_dir=clone)
    projects = Projects(settings)
    old = {projects.commit(None), projects.commit("feature")}
    for commit in old:
        projects.checkout(commit)
    newest = project.commit(activities__say_py=SCRIPT % "newer", activities__new_py="")
    project.go_to("feature")
    featured = project.commit(activities__say_py=SCRIPT % "featured")
    assert projects.commit(None) in old
    synced = projects.sync(lambda: old)
    assert synced.branches == {"main": newest, "feature": featured}
    assert (synced.fetched, synced.removed) == (True, ())
    assert (clone / "activities/say.py").read_text() == SCRIPT % "newer"
    assert projects.commit("feature") == featured
    assert said(projects, newest) == SCRIPT % "newer"
    (removed,) = projects.sync(lambda: {newest}).removed
    assert {removed} == old
    assert projects.checkout(removed).exists(), "it is made again for who comes back to it"


def test_a_history_that_was_written_anew_is_followed(
    project: ConfigProject, tmp_path: Path
) -> None:
    first = Projects(project.settings).commit(None)
    project.commit(activities__wrong_py="")
    clone = tmp_path / "clone"
    porcelain.clone(str(project.folder), str(clone), errstream=porcelain.NoneStream()).close()
    projects = Projects(msgspec.structs.replace(project.settings, workflow_dir=clone))
    porcelain.reset(str(project.folder), "hard", first)
    other = project.commit(activities__right_py="")
    assert projects.sync(tuple).branches == {"main": other}
    assert not (clone / "activities/wrong.py").exists()


def test_a_remote_that_is_away_is_said(project: ConfigProject, tmp_path: Path) -> None:
    clone = tmp_path / "clone"
    porcelain.clone(str(project.folder), str(clone), errstream=porcelain.NoneStream()).close()
    project.folder.rename(tmp_path / "moved")
    with pytest.raises(RemoteAway):
        Projects(msgspec.structs.replace(project.settings, workflow_dir=clone)).sync(tuple)


def test_a_project_without_a_remote_is_synced_without_fetching(project: ConfigProject) -> None:
    synced = Projects(project.settings).sync(tuple)
    assert (synced.fetched, [*synced.branches]) == (False, ["main"])


def test_links_out_of_the_project_are_refused(project: ConfigProject) -> None:
    (project.folder / "activities/etc").symlink_to("../../../../etc")
    project.commit_all()
    projects = Projects(project.settings)
    with pytest.raises(ProjectUnusable, match=r"activities/etc is a link out"):
        projects.checkout(projects.commit(None))


def test_scripts_are_where_they_are_said_to_be(project: ConfigProject) -> None:
    checkout = Projects(project.settings).checkout(
        project.commit(
            workflows__twice_yaml=one_activity(
                activities="[{id: b, script: ./activities/none.py}]"
            ),
            workflows__folder_yaml=one_activity("./activities/sub.py"),
            activities__sub_py__x_py="",
        )
    )
    load_workflow(checkout, "w", BUILT_IN)
    with pytest.raises(PlanInvalid) as refused:
        load_workflow(checkout, "twice", BUILT_IN)
    assert [str(each) for each in refused.value.wrongs] == [
        "workflows/twice.yaml:5: script: there is no ./activities/none.py"
    ]
    with pytest.raises(PlanInvalid, match="there is no"):
        load_workflow(checkout, "folder", BUILT_IN)
    for name in ("missing", "../w", "a/b", ""):
        with pytest.raises(WorkflowUnknown):
            load_workflow(checkout, name, BUILT_IN)


def test_a_link_to_a_script_elsewhere_is_refused_however_it_came_there(
    project: ConfigProject, tmp_path: Path
) -> None:
    (tmp_path / "evil.py").write_text("")
    (project.folder / "activities/linked.py").symlink_to(tmp_path / "evil.py")
    project.write("workflows/linked.yaml", one_activity("./activities/linked.py"))
    with pytest.raises(PlanInvalid, match="leads out of the project"):
        load_workflow(project.folder, "linked", BUILT_IN)
    with pytest.raises(ValueError, match="leads out of the project"):
        script_path("./activities/linked.py", project.folder, BUILT_IN)

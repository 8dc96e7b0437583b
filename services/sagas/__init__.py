"""Sagas: the consumer that starts and signals them, their workflows, activities and worker."""

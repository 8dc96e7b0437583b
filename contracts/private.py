"""Personal data as it travels: sealed under its subject's own key, opened only at the edges."""

import msgspec


class Private(msgspec.Struct, frozen=True, kw_only=True):
    """A personal field, AES-256-GCM under its subject's key; unreadable once that is deleted."""

    subject: str
    """Whose data it is: the patient or customer id, or `claim/` and what names a claim, where
    nothing else is known of the person."""
    sealed: str
    """Base64 of the 4-byte key id, 12-byte nonce, ciphertext and 16-byte tag (NIST SP 800-38D)."""

//! One dock: what its files say.


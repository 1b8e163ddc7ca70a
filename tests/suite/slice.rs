//! The slice: real Portage, the shipped docks.

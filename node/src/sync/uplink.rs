//! Calls the union above.

//! What types the pages.

pub mod page;
pub mod session;
pub mod shape;

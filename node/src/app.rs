//! Use cases: what a person or a program can do, typed in and typed out. No words for people and no arguments of a
//! command line: those who call parse before, and render after.

pub mod export;
pub mod inbox;
pub mod void;

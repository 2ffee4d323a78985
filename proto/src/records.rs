//! The kinds that the program names: a module for each, with a handle for each field, made by build.rs from
//! `huiliu/v1/records/*.proto`.

use crate::{handle, v1};

include!(concat!(env!("OUT_DIR"), "/handles.rs"));

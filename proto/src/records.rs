//! The kinds that the program names: a module for each with a handle for each field, made by build.rs from
//! `huiliu/v1/records/*.proto`, and with the room of the kind, where it has one, from `records/<kind>.rs`.

use crate::{handle, room, v1};

include!(concat!(env!("OUT_DIR"), "/handles.rs"));

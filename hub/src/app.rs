//! Use cases of a hub: what a person or a program can do there beside what a node can, typed in and typed out, as
//! `huiliu_node::app`.

pub mod invite;

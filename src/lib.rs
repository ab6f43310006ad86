//! Session Risk

pub mod facts;

//! Session Risk

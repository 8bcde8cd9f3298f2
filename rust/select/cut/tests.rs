//! Tests of cuts, against a sort of all rows.

#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss
)] // small numbers

mod oracle_tests;
mod parts_tests;
mod searches_tests;

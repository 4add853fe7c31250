//! The operators between operands, and how tightly they bind.

use super::lex::Kind as Lexeme;
use crate::program::{Compare, Math, Update};

/// The tightness of the operators, as in jq's grammar.
pub(super) mod tightness {
    pub(in crate::syntax) const ALTERNATIVE: u8 = 2;
    pub(in crate::syntax) const UPDATE: u8 = 3;
    pub(in crate::syntax) const OR: u8 = 4;
    pub(in crate::syntax) const AND: u8 = 5;
    pub(in crate::syntax) const COMPARE: u8 = 6;
    pub(in crate::syntax) const SUM: u8 = 7;
    pub(in crate::syntax) const PRODUCT: u8 = 8;
}

#[derive(Clone, Copy)]
pub(super) enum Operator {
    Alternative,
    Update(Update),
    Modify,
    Or,
    And,
    Compare(Compare),
    Math(Math),
}

pub(super) fn operator(kind: Lexeme, text: &str) -> Option<(Operator, u8)> {
    use Operator as Op;
    Some(match (kind, text) {
        (Lexeme::Symbol, "//" | "?//") => (Op::Alternative, tightness::ALTERNATIVE),
        (Lexeme::Symbol, "=") => (Op::Update(Update::Set), tightness::UPDATE),
        (Lexeme::Symbol, "|=") => (Op::Modify, tightness::UPDATE),
        (Lexeme::Symbol, "+=") => (Op::Update(Update::Math(Math::Add)), tightness::UPDATE),
        (Lexeme::Symbol, "-=") => (Op::Update(Update::Math(Math::Subtract)), tightness::UPDATE),
        (Lexeme::Symbol, "*=") => (Op::Update(Update::Math(Math::Multiply)), tightness::UPDATE),
        (Lexeme::Symbol, "/=") => (Op::Update(Update::Math(Math::Divide)), tightness::UPDATE),
        (Lexeme::Symbol, "%=") => (Op::Update(Update::Math(Math::Remainder)), tightness::UPDATE),
        (Lexeme::Symbol, "//=") => (Op::Update(Update::Default), tightness::UPDATE),
        (Lexeme::Word, "or") => (Op::Or, tightness::OR),
        (Lexeme::Word, "and") => (Op::And, tightness::AND),
        (Lexeme::Symbol, "==") => (Op::Compare(Compare::Equal), tightness::COMPARE),
        (Lexeme::Symbol, "!=") => (Op::Compare(Compare::NotEqual), tightness::COMPARE),
        (Lexeme::Symbol, "<") => (Op::Compare(Compare::Less), tightness::COMPARE),
        (Lexeme::Symbol, "<=") => (Op::Compare(Compare::LessEqual), tightness::COMPARE),
        (Lexeme::Symbol, ">") => (Op::Compare(Compare::Greater), tightness::COMPARE),
        (Lexeme::Symbol, ">=") => (Op::Compare(Compare::GreaterEqual), tightness::COMPARE),
        (Lexeme::Symbol, "+") => (Op::Math(Math::Add), tightness::SUM),
        (Lexeme::Symbol, "-") => (Op::Math(Math::Subtract), tightness::SUM),
        (Lexeme::Symbol, "*") => (Op::Math(Math::Multiply), tightness::PRODUCT),
        (Lexeme::Symbol, "/") => (Op::Math(Math::Divide), tightness::PRODUCT),
        (Lexeme::Symbol, "%") => (Op::Math(Math::Remainder), tightness::PRODUCT),
        _ => return None,
    })
}

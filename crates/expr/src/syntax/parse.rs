//! Operators, bindings and definitions. Chains of operators are read in loops; only brackets and
//! blocks recurse, and those are counted.

use std::ops::Range;

use super::lex::{self, Kind as Lexeme, Token};
use super::operator::{Operator, operator, tightness};
use super::scope::Scope;
use super::{NESTING_MAX, Parsed};
use crate::builtin::prelude;
use crate::error::{ExprError, ExprErrorKind};
use crate::program::{Binding, Def, Entry, Kind, Node, Param, Pattern, TREE_DEPTH_MAX, settle};

/// Stack to have left before reading one more level, and how much to add otherwise.
const STACK_RED_ZONE: usize = 128 * 1024;
const STACK_GROWTH: usize = 1024 * 1024;

/// The text cannot be read further; the reason is in [`Parser::errors`].
pub(super) struct Stuck;
pub(super) type Read<T> = Result<T, Stuck>;

pub(super) struct Parser<'s> {
    pub(super) source: &'s str,
    tokens: Vec<Token>,
    at: usize,
    nesting: usize,
    pub(super) scope: Scope,
    defs: Vec<Option<Def>>,
    errors: Vec<ExprError>,
}

#[derive(Clone, Copy, PartialEq)]
enum Commas {
    Allowed,
    End,
}

impl<'s> Parser<'s> {
    pub(super) fn new(source: &'s str, scope: Scope) -> Result<Self, Vec<ExprError>> {
        let mut parser = Parser {
            source,
            tokens: Vec::new(),
            at: 0,
            nesting: 0,
            scope,
            defs: Vec::new(),
            errors: Vec::new(),
        };
        match lex::lex(source, 0..source.len()) {
            Ok(tokens) => parser.tokens = tokens,
            Err((span, message)) => {
                parser.fail(ExprErrorKind::Syntax, span, message);
                return Err(parser.errors);
            }
        }
        Ok(parser)
    }

    pub(super) fn expression(mut self) -> Result<Parsed, Vec<ExprError>> {
        let main = self
            .pipe()
            .and_then(|main| self.expect_end().map(|()| main));
        match main {
            Ok(main) if self.errors.is_empty() => {
                let defs: Vec<Def> = self
                    .defs
                    .into_iter()
                    .map(|d| d.expect("every definition was read"))
                    .collect();
                settle(&defs, Some(&main), &prelude().defs);
                Ok(Parsed {
                    main,
                    defs,
                    variables: self.scope.used,
                })
            }
            _ => Err(self.errors),
        }
    }

    /// Reads definitions only; returns them with their names, numbers of parameters and indices.
    pub(super) fn library(mut self) -> Result<super::Library, Vec<ExprError>> {
        let mut names = Vec::new();
        while self.is_word("def") {
            match self.definition() {
                Ok((name, arity, index)) => names.push((name, arity, index)),
                Err(Stuck) => return Err(self.errors),
            }
        }
        if self.expect_end().is_err() || !self.errors.is_empty() {
            return Err(self.errors);
        }
        let defs: Vec<Def> = self
            .defs
            .into_iter()
            .map(|d| d.expect("every definition was read"))
            .collect();
        settle(&defs, None, &[]);
        Ok((defs, names))
    }

    // Tokens.

    pub(super) fn token(&self) -> &Token {
        &self.tokens[self.at]
    }
    pub(super) fn text(&self) -> &'s str {
        &self.source[self.token().span.clone()]
    }
    pub(super) fn span(&self) -> Range<usize> {
        self.token().span.clone()
    }
    pub(super) fn kind(&self) -> Lexeme {
        self.token().kind
    }
    pub(super) fn advance(&mut self) -> (Range<usize>, &'s str) {
        let seen = (self.span(), self.text());
        self.at = (self.at + 1).min(self.tokens.len() - 1);
        seen
    }
    pub(super) fn is_symbol(&self, symbol: &str) -> bool {
        self.kind() == Lexeme::Symbol && self.text() == symbol
    }
    pub(super) fn is_word(&self, word: &str) -> bool {
        self.kind() == Lexeme::Word && self.text() == word
    }
    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = self.is_symbol(symbol);
        if found {
            self.advance();
        }
        found
    }
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let found = self.is_word(word);
        if found {
            self.advance();
        }
        found
    }
    pub(super) fn expect_symbol(&mut self, symbol: &str) -> Read<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            self.unexpected(&format!("`{symbol}`"))
        }
    }
    pub(super) fn expect_word(&mut self, word: &str) -> Read<()> {
        if self.take_word(word) {
            Ok(())
        } else {
            self.unexpected(&format!("`{word}`"))
        }
    }
    fn expect_end(&mut self) -> Read<()> {
        if self.kind() == Lexeme::End {
            Ok(())
        } else {
            self.unexpected("the end of the expression")
        }
    }

    // Findings.

    pub(super) fn fail(
        &mut self,
        kind: ExprErrorKind,
        span: Range<usize>,
        message: impl Into<String>,
    ) {
        self.errors.push(ExprError {
            kind,
            span,
            message: message.into(),
            hint: None,
        });
    }
    pub(super) fn hint(&mut self, hint: Option<String>) {
        if let Some(error) = self.errors.last_mut() {
            error.hint = hint;
        }
    }
    pub(super) fn unexpected<T>(&mut self, wanted: &str) -> Read<T> {
        let found = match self.kind() {
            Lexeme::End => "the expression ends".to_owned(),
            _ => format!("found `{}`", self.text()),
        };
        self.fail(
            ExprErrorKind::Syntax,
            self.span(),
            format!("expected {wanted}, but {found}"),
        );
        Err(Stuck)
    }

    /// Runs `read` one level deeper, if that is allowed.
    pub(super) fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Read<T>) -> Read<T> {
        if self.nesting == NESTING_MAX {
            let message = format!("nested deeper than {NESTING_MAX} levels");
            self.fail(ExprErrorKind::Nesting, self.span(), message);
            return Err(Stuck);
        }
        self.nesting += 1;
        let result = stacker::maybe_grow(STACK_RED_ZONE, STACK_GROWTH, || read(self));
        self.nesting -= 1;
        result
    }

    /// Reads `range` of the source, the inside of an interpolation, as an expression of its own.
    pub(super) fn inside(&mut self, range: Range<usize>) -> Read<Node> {
        let tokens = match lex::lex(self.source, range) {
            Ok(tokens) => tokens,
            Err((span, message)) => {
                self.fail(ExprErrorKind::Syntax, span, message);
                return Err(Stuck);
            }
        };
        let outer = (
            std::mem::replace(&mut self.tokens, tokens),
            std::mem::replace(&mut self.at, 0),
        );
        let node = self
            .pipe()
            .and_then(|node| self.expect_end().map(|()| node));
        (self.tokens, self.at) = outer;
        node
    }

    /// Makes a node, unless the tree gets too deep.
    pub(super) fn node(&mut self, kind: Kind) -> Read<Node> {
        let node = Node::new(kind);
        if node.depth > TREE_DEPTH_MAX {
            let message = format!("more than {TREE_DEPTH_MAX} operators depend on each other");
            self.fail(ExprErrorKind::Nesting, self.span(), message);
            self.hint(Some(
                "an array with `add`, `any` or `all` replaces a long chain".into(),
            ));
            return Err(Stuck);
        }
        Ok(node)
    }

    // Grammar.

    /// `def …; …`, `term as $x | …`, `label $x | …` and stages between `|`.
    pub(super) fn pipe(&mut self) -> Read<Node> {
        self.nested(|parser| parser.stages(Commas::Allowed))
    }

    /// As [`Self::pipe`], but without `,` outside brackets: the value of an object's key.
    pub(super) fn pipe_without_comma(&mut self) -> Read<Node> {
        self.nested(|parser| parser.stages(Commas::End))
    }

    fn stages(&mut self, commas: Commas) -> Read<Node> {
        let mark = self.scope.mark();
        let mut stages = Vec::new();
        loop {
            while self.is_word("def") {
                self.definition()?;
            }
            let mut stage = self.bindable(commas)?;
            while commas == Commas::Allowed && self.take_symbol(",") {
                let next = self.bindable(commas)?;
                stage = self.node(Kind::Comma(Box::new(stage), Box::new(next)))?;
            }
            stages.push(stage);
            if !self.take_symbol("|") {
                break;
            }
        }
        self.scope.reset(mark);
        let last = stages.pop().expect("one stage was read");
        stages.into_iter().rev().try_fold(last, |rest, stage| {
            self.node(Kind::Pipe(Box::new(stage), Box::new(rest)))
        })
    }

    /// Operands with their operators, and `as … | …` after them, which reaches to the end.
    fn bindable(&mut self, commas: Commas) -> Read<Node> {
        let source = self.expression_without_pipe()?;
        if !self.take_word("as") {
            return Ok(source);
        }
        let mark = self.scope.mark();
        let (binding, names) = self.binding(source)?;
        self.scope.push_variables(&names);
        self.expect_symbol("|")?;
        let body = self.nested(|parser| parser.stages(commas))?;
        self.scope.reset(mark);
        self.node(Kind::Bind(Box::new(binding), Box::new(body)))
    }

    /// Operands with operators other than `,` and `|`.
    pub(super) fn expression_without_pipe(&mut self) -> Read<Node> {
        self.binary(tightness::ALTERNATIVE)
    }

    /// Operands and operators at least as tight as `loosest`.
    fn binary(&mut self, loosest: u8) -> Read<Node> {
        let mut left = self.operand()?;
        let mut chained = None;
        while let Some((operator, tight)) =
            operator(self.kind(), self.text()).filter(|(_, tight)| *tight >= loosest)
        {
            if chained == Some(tight) && matches!(tight, tightness::UPDATE | tightness::COMPARE) {
                return self.unexpected("parentheses, as this operator does not chain");
            }
            let (_, text) = self.advance();
            if text == "?//" {
                left = self.node(Kind::Try(Box::new(left), None))?;
            }
            // `//` groups to the right, all others to the left.
            let right_loosest = if tight == tightness::ALTERNATIVE {
                tight
            } else {
                tight + 1
            };
            let right = if tight == tightness::ALTERNATIVE {
                self.nested(|parser| parser.binary(right_loosest))?
            } else {
                self.binary(right_loosest)?
            };
            let (l, r) = (Box::new(left), Box::new(right));
            left = self.node(match operator {
                Operator::Alternative => Kind::Alternative(l, r),
                Operator::Update(update) => Kind::Update(update, l, r),
                Operator::Modify => Kind::Modify(l, r),
                Operator::Or => Kind::Or(l, r),
                Operator::And => Kind::And(l, r),
                Operator::Compare(compare) => Kind::Compare(compare, l, r),
                Operator::Math(math) => Kind::Math(math, l, r),
            })?;
            chained = Some(tight);
        }
        Ok(left)
    }

    fn operand(&mut self) -> Read<Node> {
        if self.take_word("label") {
            let name = self.variable_name()?;
            self.expect_symbol("|")?;
            let mark = self.scope.mark();
            self.scope.push_label(name);
            let body = self.pipe()?;
            self.scope.reset(mark);
            return self.node(Kind::Label(Box::new(body)));
        }
        if self.is_word("def") {
            return self.pipe();
        }
        self.signed()
    }

    /// A term with its path, or such a term negated.
    pub(super) fn signed(&mut self) -> Read<Node> {
        if !self.take_symbol("-") {
            return self.nested(Self::postfix);
        }
        let operand = self.nested(Self::signed)?;
        match operand.kind {
            Kind::Literal(crate::Value::Int(i)) if i != 0 => Ok(Node::literal(i.wrapping_neg())),
            Kind::Literal(crate::Value::Float(f)) => Ok(Node::literal(-f)),
            _ => self.node(Kind::Negate(Box::new(operand))),
        }
    }

    /// `$name`, returned without `$`.
    pub(super) fn variable_name(&mut self) -> Read<&'s str> {
        if self.kind() != Lexeme::Variable {
            return self.unexpected("a variable");
        }
        Ok(&self.advance().1[1..])
    }

    /// The patterns after `as`, and the names that they bind.
    pub(super) fn binding(&mut self, source: Node) -> Read<(Binding, Vec<String>)> {
        let mut names = Vec::new();
        let mut patterns = vec![self.pattern(&mut names)?];
        while self.take_symbol("?//") {
            patterns.push(self.pattern(&mut names)?);
        }
        Ok((
            Binding {
                source,
                patterns,
                variables: names.len(),
            },
            names,
        ))
    }

    fn pattern(&mut self, names: &mut Vec<String>) -> Read<Pattern> {
        self.nested(|parser| {
            if parser.kind() == Lexeme::Variable {
                let name = parser.variable_name()?;
                return Ok(Pattern::Variable(slot(names, name)));
            }
            if parser.take_symbol("[") {
                let mut items = vec![parser.pattern(names)?];
                while parser.take_symbol(",") {
                    items.push(parser.pattern(names)?);
                }
                parser.expect_symbol("]")?;
                return Ok(Pattern::Array(items));
            }
            if parser.take_symbol("{") {
                let mut entries = vec![parser.pattern_entry(names)?];
                while parser.take_symbol(",") {
                    entries.push(parser.pattern_entry(names)?);
                }
                parser.expect_symbol("}")?;
                return Ok(Pattern::Object(entries));
            }
            parser.unexpected("a variable, `[` or `{`")
        })
    }

    fn pattern_entry(&mut self, names: &mut Vec<String>) -> Read<Entry> {
        let (key, variable) = match self.kind() {
            Lexeme::Variable => {
                let name = self.variable_name()?;
                (Node::literal(name), Some(slot(names, name)))
            }
            Lexeme::Word => (Node::literal(self.advance().1), None),
            Lexeme::Text => (self.string_literal(None)?, None),
            Lexeme::Format => {
                let format = self.format()?;
                (self.string_literal(Some(format))?, None)
            }
            _ if self.is_symbol("(") => (self.computed_key()?, None),
            _ => return self.unexpected("a key"),
        };
        let pattern = match variable {
            Some(_) if !self.is_symbol(":") => None,
            _ => {
                self.expect_symbol(":")?;
                Some(self.pattern(names)?)
            }
        };
        Ok(Entry {
            key,
            variable,
            pattern,
        })
    }

    /// `def name(params): body;`; afterwards the name can be called.
    fn definition(&mut self) -> Read<(String, usize, usize)> {
        self.expect_word("def")?;
        if self.kind() != Lexeme::Word {
            return self.unexpected("a name");
        }
        let (_, name) = self.advance();
        let mut params: Vec<&str> = Vec::new();
        if self.take_symbol("(") {
            loop {
                match self.kind() {
                    Lexeme::Word | Lexeme::Variable => params.push(self.advance().1),
                    _ => return self.unexpected("a parameter"),
                }
                if !self.take_symbol(";") {
                    break;
                }
            }
            self.expect_symbol(")")?;
        }
        self.expect_symbol(":")?;
        let index = self.defs.len();
        self.defs.push(None);
        self.scope
            .open_def(name, params.len(), self.scope.def_id(index));
        let mark = self.scope.mark();
        self.scope.push_params(&params);
        let body = self.pipe()?;
        self.scope.reset(mark);
        self.expect_symbol(";")?;
        let kinds = params.iter().map(|p| {
            if p.starts_with('$') {
                Param::Value
            } else {
                Param::Filter
            }
        });
        self.defs[index] = Some(Def {
            params: kinds.collect(),
            body,
        });
        Ok((name.to_owned(), params.len(), index))
    }
}

/// The slot of a variable of a pattern; the same name twice is one variable.
fn slot(names: &mut Vec<String>, name: &str) -> usize {
    names.iter().position(|n| n == name).unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    })
}

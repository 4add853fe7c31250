//! Terms and what follows them: paths, calls, literals, blocks.

use super::lex::Kind as Lexeme;
use super::parse::{Parser, Read, Stuck};
use super::scope::Callee;
use crate::Value;
use crate::builtin::{self, Found};
use crate::error::ExprErrorKind;
use crate::program::{Kind, Node};

/// Functions of jq that would reach out of the evaluation.
const FORBIDDEN: [&str; 14] = [
    "env",
    "halt",
    "halt_error",
    "input",
    "inputs",
    "debug",
    "stderr",
    "input_filename",
    "input_line_number",
    "import",
    "include",
    "modulemeta",
    "get_search_list",
    "module",
];

impl Parser<'_> {
    /// A term with its path: `.a[0].b?`.
    pub(super) fn postfix(&mut self) -> Read<Node> {
        let mut node = self.term()?;
        loop {
            if self.kind() == Lexeme::Field {
                let name = &self.advance().1[1..];
                node = self.node(Kind::Field(Box::new(node), name.into()))?;
            } else if self.take_symbol("[") {
                node = self.bracket(node)?;
            } else if self.take_symbol("?") {
                node = self.node(Kind::Try(Box::new(node), None))?;
            } else if self.take_symbol(".") {
                node = self.after_dot(node)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// `."key"` or `.[…]`, the dot being read.
    fn after_dot(&mut self, of: Node) -> Read<Node> {
        if self.take_symbol("[") {
            return self.bracket(of);
        }
        let key = match self.kind() {
            Lexeme::Text => self.string_literal(None)?,
            Lexeme::Format => {
                let format = self.format()?;
                self.string_literal(Some(format))?
            }
            _ => return self.unexpected("a key"),
        };
        self.index(of, key)
    }

    fn index(&mut self, of: Node, key: Node) -> Read<Node> {
        match key.kind {
            Kind::Literal(Value::Str(name)) => self.node(Kind::Field(Box::new(of), name)),
            _ => self.node(Kind::Index(Box::new(of), Box::new(key))),
        }
    }

    /// `]`, `key]`, `from:to]`, `from:]` or `:to]`.
    fn bracket(&mut self, of: Node) -> Read<Node> {
        if self.take_symbol("]") {
            return self.node(Kind::Each(Box::new(of)));
        }
        if self.take_symbol(":") {
            let to = Box::new(self.pipe()?);
            self.expect_symbol("]")?;
            return self.node(Kind::Slice(Box::new(of), None, Some(to)));
        }
        let key = self.pipe()?;
        if !self.take_symbol(":") {
            self.expect_symbol("]")?;
            return self.index(of, key);
        }
        let to = if self.is_symbol("]") {
            None
        } else {
            Some(Box::new(self.pipe()?))
        };
        self.expect_symbol("]")?;
        self.node(Kind::Slice(Box::new(of), Some(Box::new(key)), to))
    }

    fn term(&mut self) -> Read<Node> {
        match (self.kind(), self.text()) {
            (Lexeme::Number, text) => {
                let (span, _) = self.advance();
                match number(text) {
                    Some(value) => Ok(Node::literal(value)),
                    None => {
                        self.fail(ExprErrorKind::Syntax, span, "this is no number");
                        Err(Stuck)
                    }
                }
            }
            (Lexeme::Text, _) => self.string_literal(None),
            (Lexeme::Format, _) => {
                let format = self.format()?;
                if self.kind() == Lexeme::Text {
                    return self.string_literal(Some(format));
                }
                self.node(Kind::Native(format, Vec::new()))
            }
            (Lexeme::Variable, _) => self.variable(),
            (Lexeme::Field, text) => {
                self.advance();
                self.node(Kind::Field(
                    Box::new(Node::new(Kind::Identity)),
                    text[1..].into(),
                ))
            }
            (Lexeme::Symbol, "..") => {
                self.advance();
                self.call("recurse", Vec::new(), 0..0)
            }
            (Lexeme::Symbol, ".") => {
                self.advance();
                match self.kind() {
                    Lexeme::Text | Lexeme::Format => self.after_dot(Node::new(Kind::Identity)),
                    _ => Ok(Node::new(Kind::Identity)),
                }
            }
            (Lexeme::Symbol, "(") => {
                self.advance();
                let inner = self.pipe()?;
                self.expect_symbol(")")?;
                Ok(inner)
            }
            (Lexeme::Symbol, "[") => {
                self.advance();
                if self.take_symbol("]") {
                    return Ok(Node::literal(Vec::new()));
                }
                let inner = self.pipe()?;
                self.expect_symbol("]")?;
                self.node(Kind::Array(Some(Box::new(inner))))
            }
            (Lexeme::Symbol, "{") => {
                self.advance();
                self.object()
            }
            (Lexeme::Word, _) => self.word(),
            _ => self.unexpected("a term"),
        }
    }

    fn variable(&mut self) -> Read<Node> {
        let span = self.span();
        let name = self.variable_name()?;
        if name == "__loc__" {
            let line = self.source[..span.start]
                .bytes()
                .filter(|b| *b == b'\n')
                .count()
                + 1;
            return Ok(Node::literal(
                crate::value!({"file": "<top-level>", "line": line}),
            ));
        }
        if let Some(kind) = self.scope.variable(name) {
            return self.node(kind);
        }
        if name == "ENV" {
            self.forbidden(span, "$ENV");
        } else {
            self.fail(
                ExprErrorKind::UnknownVariable,
                span,
                format!("there is no variable ${name} here"),
            );
            let like = self.scope.variable_like(name);
            self.hint(like.map(|name| format!("did you mean {name}?")));
        }
        Ok(Node::new(Kind::Identity))
    }

    fn forbidden(&mut self, span: std::ops::Range<usize>, name: &str) {
        self.fail(
            ExprErrorKind::Forbidden,
            span,
            format!("{name} is not available in expressions"),
        );
        self.hint(Some(
            "an expression sees its input and its variables only".into(),
        ));
    }

    fn word(&mut self) -> Read<Node> {
        let (span, word) = self.advance();
        match word {
            "if" => self.conditional(),
            "try" => {
                let body = self.nested(Self::signed)?;
                let handler = match self.take_word("catch") {
                    true => Some(Box::new(self.nested(Self::signed)?)),
                    false => None,
                };
                self.node(Kind::Try(Box::new(body), handler))
            }
            "reduce" | "foreach" => self.fold(word),
            "label" => {
                self.fail(
                    ExprErrorKind::Syntax,
                    span,
                    "put parentheses around `label … | …`",
                );
                Err(Stuck)
            }
            "break" => {
                let span = self.span();
                let name = self.variable_name()?;
                match self.scope.label(name) {
                    Some(node) => Ok(node),
                    None => {
                        let message = format!("there is no label ${name} around this");
                        self.fail(ExprErrorKind::UnknownVariable, span, message);
                        Ok(Node::new(Kind::Identity))
                    }
                }
            }
            "then" | "else" | "elif" | "end" | "and" | "or" | "as" | "catch" | "def" => {
                self.fail(
                    ExprErrorKind::Syntax,
                    span,
                    format!("expected a term, but found `{word}`"),
                );
                Err(Stuck)
            }
            _ => {
                let args = self.arguments()?;
                self.call(word, args, span)
            }
        }
    }

    fn arguments(&mut self) -> Read<Vec<Node>> {
        let mut args = Vec::new();
        if self.take_symbol("(") {
            args.push(self.pipe()?);
            while self.take_symbol(";") {
                args.push(self.pipe()?);
            }
            self.expect_symbol(")")?;
        }
        Ok(args)
    }

    fn call(&mut self, name: &str, args: Vec<Node>, span: std::ops::Range<usize>) -> Read<Node> {
        let count = args.len();
        match self.scope.callee(name, count) {
            Callee::Filter(address) => self.node(Kind::Filter(address)),
            Callee::Def(id, up) => self.node(Kind::Call(id, up, args)),
            Callee::Builtin(Found::Native(native)) => self.node(Kind::Native(native, args)),
            Callee::Builtin(Found::Control(control)) => self.node(Kind::Control(control, args)),
            Callee::Builtin(Found::Literal(value)) => Ok(Node::literal(value)),
            Callee::Unknown if !self.scope.is_prelude() && FORBIDDEN.contains(&name) => {
                self.forbidden(span, name);
                Ok(Node::new(Kind::Identity))
            }
            Callee::Unknown => {
                let message = format!("there is no function {name}/{count}");
                self.fail(ExprErrorKind::UnknownFunction, span, message);
                let like = self.scope.function_like(name, count);
                self.hint(like.map(|name| format!("did you mean {name}?")));
                Ok(Node::new(Kind::Identity))
            }
        }
    }

    pub(super) fn format(&mut self) -> Read<&'static builtin::Native> {
        let (span, name) = self.advance();
        match builtin::native(name, 0) {
            Some(Found::Native(native)) => Ok(native),
            _ => {
                let message = format!("{} is not a valid format", &name[1..]);
                self.fail(ExprErrorKind::UnknownFunction, span, message);
                Err(Stuck)
            }
        }
    }

    /// After `if`.
    fn conditional(&mut self) -> Read<Node> {
        let mut branches = Vec::new();
        let otherwise = loop {
            let condition = self.pipe()?;
            self.expect_word("then")?;
            branches.push((condition, self.pipe()?));
            if self.take_word("elif") {
                continue;
            }
            if self.take_word("else") {
                let otherwise = self.pipe()?;
                self.expect_word("end")?;
                break otherwise;
            }
            if !self.take_word("end") {
                return self.unexpected("`elif`, `else` or `end`");
            }
            break Node::new(Kind::Identity);
        };
        branches
            .into_iter()
            .rev()
            .try_fold(otherwise, |otherwise, (condition, then)| {
                self.node(Kind::If(
                    Box::new(condition),
                    Box::new(then),
                    Box::new(otherwise),
                ))
            })
    }

    /// After `reduce` or `foreach`.
    fn fold(&mut self, word: &str) -> Read<Node> {
        let source = self.nested(Self::expression_without_pipe)?;
        self.expect_word("as")?;
        let mark = self.scope.mark();
        let (binding, names) = self.binding(source)?;
        self.expect_symbol("(")?;
        let init = Box::new(self.pipe()?);
        self.scope.push_variables(&names);
        self.expect_symbol(";")?;
        let update = Box::new(self.pipe()?);
        let extract = match word == "foreach" && self.take_symbol(";") {
            true => Some(Box::new(self.pipe()?)),
            false => None,
        };
        self.expect_symbol(")")?;
        self.scope.reset(mark);
        let binding = Box::new(binding);
        self.node(match word {
            "reduce" => Kind::Reduce(binding, init, update),
            _ => Kind::Foreach(binding, init, update, extract),
        })
    }

    /// After `{`.
    fn object(&mut self) -> Read<Node> {
        let mut entries = Vec::new();
        while !self.take_symbol("}") {
            entries.push(self.entry()?);
            if !self.take_symbol(",") {
                self.expect_symbol("}")?;
                break;
            }
        }
        if entries.is_empty() {
            return Ok(Node::literal(crate::Object::default()));
        }
        self.node(Kind::Object(entries))
    }

    /// `(key)`. A constant that cannot be a key is found here.
    pub(super) fn computed_key(&mut self) -> Read<Node> {
        let span = self.span();
        self.expect_symbol("(")?;
        let key = self.pipe()?;
        self.expect_symbol(")")?;
        self.check_key(key, span)
    }

    fn number_key(&mut self) -> Read<Node> {
        let span = self.span();
        let key = self.term()?;
        self.check_key(key, span)
    }

    fn check_key(&mut self, key: Node, span: std::ops::Range<usize>) -> Read<Node> {
        match &key.kind {
            Kind::Literal(value) if value.as_str().is_none() => {
                let message = format!("cannot use {} ({value}) as object key", value.type_name());
                self.fail(ExprErrorKind::Syntax, span, message);
                Err(Stuck)
            }
            _ => Ok(key),
        }
    }

    fn entry(&mut self) -> Read<(Node, Node)> {
        let (key, short) = match self.kind() {
            Lexeme::Variable => {
                let name = &self.text()[1..];
                let value = self.variable()?;
                if !self.is_symbol(":") {
                    return Ok((Node::literal(name), value));
                }
                (value, false)
            }
            Lexeme::Word => (Node::literal(self.advance().1), true),
            Lexeme::Number => (self.number_key()?, false),
            Lexeme::Text => (self.string_literal(None)?, true),
            Lexeme::Format => {
                let format = self.format()?;
                (self.string_literal(Some(format))?, true)
            }
            _ if self.is_symbol("(") => (self.computed_key()?, false),
            _ => return self.unexpected("a key or `}`"),
        };
        if short && !self.is_symbol(":") {
            let value = match &key.kind {
                Kind::Literal(Value::Str(name)) => {
                    let input = Box::new(Node::new(Kind::Identity));
                    self.node(Kind::Field(input, name.clone()))?
                }
                _ => Node::new(Kind::SameMember),
            };
            return Ok((key, value));
        }
        self.expect_symbol(":")?;
        Ok((key, self.pipe_without_comma()?))
    }
}

/// A number of the language or of text: an exact integer where it fits, else the nearest float.
pub(crate) fn number(text: &str) -> Option<Value> {
    if let Ok(integer) = text.parse::<i64>() {
        return Some(Value::Int(integer));
    }
    let float: f64 = text.parse().ok()?;
    Some(Value::from(float.clamp(f64::MIN, f64::MAX)))
}

//! Numbers. The functions come from `libm`, so they give the same digits on every machine.

use super::{Native, native_fn};
use crate::Value;
use crate::eval::{Stop, cannot};

type Answer = Result<Value, Stop>;

macro_rules! one {
    ($name:literal, $function:expr) => {
        native_fn($name, 0, |_, v, _| Ok(Value::from($function(float(&v)?))))
    };
}
macro_rules! two {
    ($name:literal, $function:expr) => {
        native_fn($name, 2, |_, _, a| {
            Ok(Value::from($function(float(&a[0])?, float(&a[1])?)))
        })
    };
}

pub(super) const FUNCTIONS: &[Native] = &[
    native_fn("floor", 0, |_, v, _| whole(&v, libm::floor)),
    native_fn("ceil", 0, |_, v, _| whole(&v, libm::ceil)),
    native_fn("round", 0, |_, v, _| whole(&v, libm::round)),
    native_fn("trunc", 0, |_, v, _| whole(&v, libm::trunc)),
    native_fn("rint", 0, |_, v, _| whole(&v, libm::rint)),
    native_fn("nearbyint", 0, |_, v, _| whole(&v, libm::rint)),
    native_fn("abs", 0, |_, v, _| match &v {
        Value::Int(i) => Ok(i
            .checked_abs()
            .map_or_else(|| Value::from(-(*i as f64)), Value::Int)),
        Value::Float(f) => Ok(Value::Float(f.abs())),
        // As in jq, which asks whether the input is below zero.
        other if *other < Value::Int(0) => Err(cannot(other, "cannot be negated")),
        _ => Ok(v),
    }),
    native_fn("isnan", 0, |_, v, _| {
        Ok(v.as_f64().is_some_and(f64::is_nan).into())
    }),
    native_fn("isinfinite", 0, |_, v, _| {
        Ok(v.as_f64().is_some_and(f64::is_infinite).into())
    }),
    native_fn("isnormal", 0, |_, v, _| {
        Ok(v.as_f64().is_some_and(f64::is_normal).into())
    }),
    native_fn("isfinite", 0, |_, v, _| {
        Ok(v.as_f64().is_some_and(|f| !f.is_infinite()).into())
    }),
    native_fn("lgamma_r", 0, |m, v, _| {
        let (value, sign) = libm::lgamma_r(float(&v)?);
        m.array(vec![value.into(), sign.into()])
    }),
    native_fn("fma", 3, |_, _, a| {
        Ok(Value::from(libm::fma(
            float(&a[0])?,
            float(&a[1])?,
            float(&a[2])?,
        )))
    }),
    native_fn("frexp", 0, |m, v, _| {
        let (fraction, exponent) = libm::frexp(float(&v)?);
        m.array(vec![fraction.into(), exponent.into()])
    }),
    native_fn("modf", 0, |m, v, _| {
        let (fraction, integer) = libm::modf(float(&v)?);
        m.array(vec![fraction.into(), integer.into()])
    }),
    one!("sqrt", libm::sqrt),
    one!("cbrt", libm::cbrt),
    one!("fabs", libm::fabs),
    one!("sin", libm::sin),
    one!("cos", libm::cos),
    one!("tan", libm::tan),
    one!("asin", libm::asin),
    one!("acos", libm::acos),
    one!("atan", libm::atan),
    one!("sinh", libm::sinh),
    one!("cosh", libm::cosh),
    one!("tanh", libm::tanh),
    one!("asinh", libm::asinh),
    one!("acosh", libm::acosh),
    one!("atanh", libm::atanh),
    one!("exp", libm::exp),
    one!("exp2", libm::exp2),
    one!("exp10", libm::exp10),
    one!("expm1", libm::expm1),
    one!("log", libm::log),
    one!("log2", libm::log2),
    one!("log10", libm::log10),
    one!("log1p", libm::log1p),
    one!("gamma", libm::lgamma),
    one!("lgamma", libm::lgamma),
    one!("tgamma", libm::tgamma),
    one!("erf", libm::erf),
    one!("erfc", libm::erfc),
    one!("j0", libm::j0),
    one!("j1", libm::j1),
    one!("y0", libm::y0),
    one!("y1", libm::y1),
    one!("pow10", libm::exp10),
    one!("logb", |f: f64| if f == 0.0 {
        f64::NEG_INFINITY
    } else if f.is_finite() {
        f64::from(libm::ilogb(f))
    } else {
        f.abs()
    }),
    one!("significand", |f: f64| if f == 0.0 || !f.is_finite() {
        f
    } else {
        libm::scalbn(f, -libm::ilogb(f))
    }),
    two!("pow", libm::pow),
    two!("atan2", libm::atan2),
    two!("fmin", libm::fmin),
    two!("fmax", libm::fmax),
    two!("fmod", libm::fmod),
    two!("hypot", libm::hypot),
    two!("copysign", libm::copysign),
    two!("drem", libm::remainder),
    two!("remainder", libm::remainder),
    two!("nextafter", libm::nextafter),
    two!("nexttoward", libm::nextafter),
    two!("jn", |order, x| libm::jn(order_of(order), x)),
    two!("yn", |order, x| libm::yn(order_of(order), x)),
    two!("fdim", libm::fdim),
    two!("ldexp", |f: f64, e: f64| libm::ldexp(f, e as i32)),
    two!("scalb", |f: f64, e: f64| f * libm::pow(2.0, e)),
    two!("scalbln", |f: f64, e: f64| libm::scalbn(f, e as i32)),
];

/// The order of a Bessel function. Its time grows with the order.
fn order_of(order: f64) -> i32 {
    order.clamp(-1_000.0, 1_000.0) as i32
}

fn float(value: &Value) -> Result<f64, Stop> {
    value
        .as_f64()
        .ok_or_else(|| cannot(value, "number required"))
}

fn whole(value: &Value, round: fn(f64) -> f64) -> Answer {
    match value {
        Value::Int(_) => Ok(value.clone()),
        other => Ok(Value::from(round(float(other)?))),
    }
}

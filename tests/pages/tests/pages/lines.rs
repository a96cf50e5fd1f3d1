//! A table with one line per variant of an enum: a variant without a line does not compile.

macro_rules! lines {
    ($(#[$doc:meta])* $name:ident: $enum:ident => $line:ty { $($variant:ident: $text:expr,)+ } $(except $($other:ident),+)?) => {
        $(#[$doc])*
        const $name: &[($enum, $line)] = &[$(($enum::$variant, $text),)+];
        const _: fn(&$enum) = |variant| match variant { $($enum::$variant => {})+ $($($enum::$other => {})+)? };
    };
}

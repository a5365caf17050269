//! How a function is named: by its name, a partial ARN or an ARN.

use std::sync::LazyLock;

use regex::Regex;

/// Lambda's own pattern for a function's name (API reference, `FunctionName`).
static FUNCTION: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(
        r"(?x)^
        (?<function>
            (arn:aws[a-zA-Z-]*:lambda:[a-z]{2,}(-[a-z]+)+-[0-9]:[0-9]{12}:function:|[0-9]{12}:function:|function:)?
            [a-zA-Z0-9_-]{1,140}
        )
        (:(?<qualifier>\$LATEST|[a-zA-Z0-9_-]+))?
        $",
    )
    .expect("the pattern is a literal, which a test reads")
});

/// The name, partial ARN or ARN without `$LATEST`, which is what an unqualified name means.
///
/// # Errors
///
/// It is not the name of a function, or that of a version or an alias.
pub fn unqualified(text: &str) -> Result<&str, String> {
    let captures = FUNCTION
        .captures(text)
        .ok_or_else(|| "expected a function's name (letters, digits, - and _), a partial or a full ARN".to_owned())?;
    let function = captures.name("function").map_or(text, |function| function.as_str());
    match captures.name("qualifier").map(|qualifier| qualifier.as_str()) {
        None | Some("$LATEST") => Ok(function),
        Some(qualifier) => Err(format!(
            "{qualifier} is a version or an alias, and network settings belong to $LATEST: name the function as {function}"
        )),
    }
}

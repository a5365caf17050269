//! URLs of endpoints.

/// Whether a text is an absolute URL of HTTP with a host.
pub fn is_url(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")) else {
        return false;
    };
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, ""),
    };
    let (host, port) = match authority.strip_prefix('[').map(|rest| rest.split_once(']')) {
        Some(Some((host, port))) => (host, port),
        Some(None) => return false,
        None => match authority.rfind(':') {
            Some(at) => authority.split_at(at),
            None => (authority, ""),
        },
    };
    let is_host = |c: char| c.is_ascii_alphanumeric() || "._-:".contains(c);
    let is_port = port.is_empty() || port.strip_prefix(':').is_some_and(|port| port.parse::<u16>().is_ok());
    !host.is_empty() && host.chars().all(is_host) && is_port && path.chars().all(|c| c.is_ascii_graphic())
}

//! The cookie of a session.
//!
//! Over HTTPS it is called `__Host-ferrovia`: browsers then take it only from this very host, over HTTPS, and for all
//! paths, so that neither a neighbouring host nor a plain connection can plant one. Over plain HTTP, which is for this
//! machine alone, not every browser takes such a cookie, nor one with `Secure`; there it is called `ferrovia` and has
//! neither. What it lacks there: other servers on this machine get it too, because cookies do not know ports.
//!
//! Each name is read only over the transport that it is for.

use axum::http::header::COOKIE;
use axum::http::{HeaderMap, HeaderValue};

use super::token::{BadToken, Purpose, TOKEN_CHARS, Token};

const SECURE_NAME: &str = "__Host-ferrovia";
const PLAIN_NAME: &str = "ferrovia";
/// All cookies of a request together. A browser sends those of others on the same host, too.
pub const COOKIES_BYTES_MAX: usize = 16 * 1_024;

/// How a browser reaches this server, as far as the browser knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    Https,
    /// Plain HTTP on this machine.
    Loopback,
}

impl Transport {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Transport::Https => SECURE_NAME,
            Transport::Loopback => PLAIN_NAME,
        }
    }

    fn attributes(self) -> &'static str {
        // Strict: no other site, not even by a link, makes a request that is signed in. `Path=/` and no `Domain` are
        // what the name promises.
        match self {
            Transport::Https => "Path=/; Secure; HttpOnly; SameSite=Strict",
            Transport::Loopback => "Path=/; HttpOnly; SameSite=Strict",
        }
    }
}

/// The value of `Set-Cookie` that begins a session. The browser forgets it after so many seconds.
pub fn set(transport: Transport, session: &Token, seconds: u32) -> HeaderValue {
    header(transport, &session.text(), seconds)
}

/// The value of `Set-Cookie` that ends a session in the browser.
pub fn clear(transport: Transport) -> HeaderValue {
    header(transport, "", 0)
}

fn header(transport: Transport, value: &str, seconds: u32) -> HeaderValue {
    let (name, attributes) = (transport.name(), transport.attributes());
    let text = format!("{name}={value}; {attributes}; Max-Age={seconds}");
    let mut header = HeaderValue::from_str(&text).expect("tokens and attributes are ASCII");
    header.set_sensitive(true);
    header
}

/// Why the cookies of a request show no session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadCookie {
    #[error("the cookies are longer than {COOKIES_BYTES_MAX} bytes")]
    TooLong,
    /// Somebody else set one, and which is theirs cannot be told.
    #[error("there is more than one session")]
    Repeated,
    #[error(transparent)]
    Token(#[from] BadToken),
}

/// The session that a request shows.
pub fn session(transport: Transport, headers: &HeaderMap) -> Result<Option<Token>, BadCookie> {
    let cookies = headers.get_all(COOKIE);
    if cookies.iter().map(HeaderValue::len).sum::<usize>() > COOKIES_BYTES_MAX {
        return Err(BadCookie::TooLong);
    }
    let pairs = cookies
        .iter()
        .flat_map(|cookies| cookies.as_bytes().split(|byte| *byte == b';'));
    let mut found = pairs.filter_map(|pair| {
        let text = pair
            .trim_ascii()
            .strip_prefix(transport.name().as_bytes())?;
        text.strip_prefix(b"=")
    });
    let Some(text) = found.next() else {
        return Ok(None);
    };
    if found.next().is_some() {
        return Err(BadCookie::Repeated);
    }
    // Cleared, but sent nevertheless.
    if text.is_empty() {
        return Ok(None);
    }
    if text.len() != TOKEN_CHARS {
        return Err(BadToken::Form.into());
    }
    let text = std::str::from_utf8(text).map_err(|_| BadToken::Form)?;
    Ok(Some(Token::parse(Purpose::Session, text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(transport: Transport, cookies: &[&str]) -> Result<Option<String>, BadCookie> {
        let mut headers = HeaderMap::new();
        for cookies in cookies {
            headers.append(COOKIE, HeaderValue::from_bytes(cookies.as_bytes()).unwrap());
        }
        let token = session(transport, &headers)?;
        Ok(token.map(|token| token.text().to_string()))
    }

    #[test]
    fn a_cookie_is_for_this_host_and_no_script() {
        let token = Token::new(Purpose::Session).unwrap();
        let text = token.text().to_string();
        let secure = set(Transport::Https, &token, 3_600);
        assert_eq!(
            secure.to_str().unwrap(),
            format!(
                "__Host-ferrovia={text}; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=3600"
            )
        );
        assert!(secure.is_sensitive());
        assert_eq!(
            set(Transport::Loopback, &token, 60).to_str().unwrap(),
            format!("ferrovia={text}; Path=/; HttpOnly; SameSite=Strict; Max-Age=60")
        );
        assert_eq!(
            clear(Transport::Https).to_str().unwrap(),
            "__Host-ferrovia=; Path=/; Secure; HttpOnly; SameSite=Strict; Max-Age=0"
        );
    }

    #[test]
    fn a_session_is_found_among_other_cookies() {
        let text = Token::new(Purpose::Session).unwrap().text().to_string();
        let secure = format!("__Host-ferrovia={text}");
        let plain = format!("ferrovia={text}");
        let found = Ok(Some(text.clone()));
        for cookies in [
            vec![&*secure],
            vec![&*format!("a=b; {secure}; c=\"d\"")],
            vec!["a=b", &*secure],
            vec![&*format!(";;{secure};")],
            vec![&*format!(
                "{secure}; __Host-ferrovia2=x; x__Host-ferrovia=y; é=ü"
            )],
        ] {
            assert_eq!(read(Transport::Https, &cookies), found, "{cookies:?}");
        }
        assert_eq!(read(Transport::Loopback, &[&plain]), found);
        // Over HTTPS the name that anybody can plant is not looked at.
        assert_eq!(read(Transport::Https, &[&plain]), Ok(None));
        assert_eq!(
            read(Transport::Https, &[&format!("{plain}; {secure}")]),
            found
        );
        assert_eq!(read(Transport::Loopback, &[&secure]), Ok(None));
        for none in [
            "",
            ";",
            "a",
            "__Host-ferrovia",
            "__Host-ferrovia=",
            "__host-ferrovia=x",
        ] {
            assert_eq!(read(Transport::Https, &[none]), Ok(None), "{none}");
        }
    }

    #[test]
    fn what_is_no_session_is_refused() {
        let token = Token::new(Purpose::Session).unwrap().text();
        let key = Token::new(Purpose::Key).unwrap().text();
        let secure = |text: &str| format!("__Host-ferrovia={text}");
        let other = |text: &str| read(Transport::Https, &[&secure(text)]).unwrap_err();
        assert_eq!(other(&key), BadCookie::Token(BadToken::Prefix));
        assert_eq!(other("x"), BadCookie::Token(BadToken::Form));
        assert_eq!(
            other(&format!("\"{}\"", *token)),
            BadCookie::Token(BadToken::Form)
        );
        assert_eq!(
            other(&"é".repeat(TOKEN_CHARS)),
            BadCookie::Token(BadToken::Form)
        );
        let twice = format!("{0}; {0}", secure(&token));
        assert_eq!(read(Transport::Https, &[&twice]), Err(BadCookie::Repeated));
        let apart = [&*secure(&token), "__Host-ferrovia="];
        assert_eq!(read(Transport::Https, &apart), Err(BadCookie::Repeated));
        let long = format!("{}; a={}", secure(&token), "x".repeat(COOKIES_BYTES_MAX));
        assert_eq!(read(Transport::Https, &[&long]), Err(BadCookie::TooLong));
    }
}

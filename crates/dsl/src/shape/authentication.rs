//! How calls authenticate.

use super::vocabulary::{
    Form, NOT_EMPTY, Object, Others, Property, Rule, Shape, TEXT, Variant, Variants, object,
    optional, required,
};

pub(super) static AUTHENTICATION: Variants = Variants {
    name: "Authentication",
    noun: "authentication",
    question: "which scheme to use",
    doc: "One scheme of authentication, or the name of one under `use.authentications`.",
    common: &[],
    variants: &[
        scheme(
            "AuthenticationReference",
            "use",
            "The authentication of this name under `use.authentications`.",
            &[required(
                "use",
                NOT_EMPTY,
                "A name under `use.authentications`.",
            )],
        ),
        scheme(
            "BasicAuthentication",
            "basic",
            "Name and password in each request.",
            &[required(
                "basic",
                Shape::Object(&BASIC),
                "Name and password, or a secret that holds both.",
            )],
        ),
        scheme(
            "BearerAuthentication",
            "bearer",
            "A token in each request.",
            &[required(
                "bearer",
                Shape::Object(&BEARER),
                "A token, or a secret that holds it.",
            )],
        ),
        scheme(
            "CertificateAuthentication",
            "certificate",
            "A client certificate for the connection.",
            &[required(
                "certificate",
                Shape::Object(&CERTIFICATE),
                "Certificate and key, or a secret that holds both.",
            )],
        ),
        scheme(
            "DigestAuthentication",
            "digest",
            "Name and password, answered as a digest.",
            &[required(
                "digest",
                Shape::Object(&DIGEST),
                "Name and password, or a secret that holds both.",
            )],
        ),
        scheme(
            "OAuth2Authentication",
            "oauth2",
            "A token fetched by OAuth 2.",
            &[required(
                "oauth2",
                Shape::Object(&OAUTH2),
                "How to fetch the token, or a secret that says so.",
            )],
        ),
        scheme(
            "OidcAuthentication",
            "oidc",
            "A token fetched by OpenID Connect, whose endpoints are discovered.",
            &[required(
                "oidc",
                Shape::Object(&OIDC),
                "How to fetch the token, or a secret that says so.",
            )],
        ),
    ],
};

const fn scheme(
    name: &'static str,
    key: &'static str,
    doc: &'static str,
    properties: &'static [Property],
) -> Variant {
    Variant {
        name,
        key,
        value: None,
        doc,
        properties,
    }
}

const SECRET: Property = optional(
    "use",
    NOT_EMPTY,
    "The name of a secret that holds all these properties.",
);

static BASIC: Object = object(
    "Basic",
    "Name and password, or a secret that holds both.",
    &[
        optional("username", TEXT, "The name to sign in with."),
        optional("password", TEXT, "The password to sign in with."),
        SECRET,
    ],
)
.with_rules(&[Rule::OneGroup(&[&["username", "password"], &["use"]])]);

static DIGEST: Object = object(
    "Digest",
    "Name and password, or a secret that holds both.",
    &[
        optional("username", TEXT, "The name to sign in with."),
        optional("password", TEXT, "The password to sign in with."),
        SECRET,
    ],
)
.with_rules(&[Rule::OneGroup(&[&["username", "password"], &["use"]])]);

static BEARER: Object = object(
    "Bearer",
    "A token, or a secret that holds it.",
    &[optional("token", TEXT, "The token to send."), SECRET],
)
.with_rules(&[Rule::OneGroup(&[&["token"], &["use"]])]);

static CERTIFICATE: Object = object(
    "Certificate",
    "A client certificate with its key, or a secret that holds both.",
    &[
        optional(
            "certificate",
            TEXT,
            "The certificate and its chain, in PEM.",
        ),
        optional("key", TEXT, "The private key of the certificate, in PEM."),
        optional(
            "passphrase",
            TEXT,
            "Opens the private key if it is encrypted.",
        ),
        optional(
            "authority",
            TEXT,
            "The authorities to trust instead of the usual ones, in PEM.",
        ),
        SECRET,
    ],
)
.with_rules(&[Rule::OneGroup(&[&["certificate", "key"], &["use"]])]);

/// With underscores as in OAuth, or with hyphens as some examples of the standard have it.
const GRANTS: Shape = Shape::Choice(&[
    "authorization_code",
    "client_credentials",
    "password",
    "refresh_token",
    "urn:ietf:params:oauth:grant-type:token-exchange",
    "authorization-code",
    "client-credentials",
    "refresh-token",
]);

static CLIENT: Object = object(
    "OAuth2Client",
    "The client that asks for the token.",
    &[
        optional("id", TEXT, "The client's id."),
        optional("secret", TEXT, "The client's secret."),
        optional(
            "assertion",
            TEXT,
            "A signed JWT that proves who the client is.",
        ),
        optional(
            "authentication",
            Shape::Choice(&[
                "client_secret_basic",
                "client_secret_post",
                "client_secret_jwt",
                "private_key_jwt",
                "none",
            ]),
            "How the client proves who it is, `client_secret_post` unless set.",
        ),
    ],
);

static REQUEST: Object = object(
    "OAuth2Request",
    "How the token is asked for.",
    &[optional(
        "encoding",
        Shape::Choice(&["application/x-www-form-urlencoded", "application/json"]),
        "The encoding of the request, a form unless set.",
    )],
)
.with_others(Others::Warned);

static TOKEN: Object = object(
    "OAuth2Token",
    "A token to exchange.",
    &[
        required("token", TEXT, "The token itself."),
        required("type", TEXT, "The kind of token, as a URI."),
    ],
);

static ENDPOINTS: Object = object(
    "OAuth2Endpoints",
    "Paths at the authority.",
    &[
        optional(
            "token",
            TEXT,
            "Where tokens are given, `/oauth2/token` unless set.",
        ),
        optional(
            "revocation",
            TEXT,
            "Where tokens are revoked, `/oauth2/revoke` unless set.",
        ),
        optional(
            "introspection",
            TEXT,
            "Where tokens are looked up, `/oauth2/introspect` unless set.",
        ),
    ],
)
.with_others(Others::Warned);

const LIST_OF_TEXT: Shape = Shape::List(&TEXT);

const AUTHORITY: Property = optional(
    "authority",
    Shape::Dynamic(Form::Uri),
    "The base address of the server that gives tokens.",
);
const GRANT: Property = optional(
    "grant",
    GRANTS,
    "The kind of grant by which a token is had.",
);
const CLIENT_PROPERTY: Property = optional(
    "client",
    Shape::Object(&CLIENT),
    "The client that asks for the token.",
);
const REQUEST_PROPERTY: Property = optional(
    "request",
    Shape::Object(&REQUEST),
    "How the token is asked for.",
);
const ISSUERS: Property = optional(
    "issuers",
    LIST_OF_TEXT,
    "Issuers whose tokens are accepted.",
);
const SCOPES: Property = optional("scopes", LIST_OF_TEXT, "Scopes to ask for.");
const AUDIENCES: Property = optional("audiences", LIST_OF_TEXT, "Audiences to ask for.");
const USERNAME: Property = optional(
    "username",
    TEXT,
    "The name to sign in with, for the grant `password`.",
);
const PASSWORD: Property = optional(
    "password",
    TEXT,
    "The password to sign in with, for the grant `password`.",
);
const SUBJECT: Property = optional(
    "subject",
    Shape::Object(&TOKEN),
    "Stands for the party on whose behalf the token is asked for.",
);
const ACTOR: Property = optional(
    "actor",
    Shape::Object(&TOKEN),
    "Stands for the acting party.",
);

static OAUTH2: Object = object(
    "OAuth2",
    "How to fetch a token by OAuth 2, or a secret that says so.",
    &[
        AUTHORITY,
        GRANT,
        CLIENT_PROPERTY,
        REQUEST_PROPERTY,
        optional(
            "endpoints",
            Shape::Object(&ENDPOINTS),
            "Paths at the authority, where they differ from the usual ones.",
        ),
        ISSUERS,
        SCOPES,
        AUDIENCES,
        USERNAME,
        PASSWORD,
        SUBJECT,
        ACTOR,
        SECRET,
    ],
)
.with_rules(&[Rule::OneGroup(&[&["authority", "grant"], &["use"]])]);

static OIDC: Object = object(
    "OpenIdConnect",
    "How to fetch a token by OpenID Connect, or a secret that says so.",
    &[
        AUTHORITY,
        GRANT,
        CLIENT_PROPERTY,
        REQUEST_PROPERTY,
        ISSUERS,
        SCOPES,
        AUDIENCES,
        USERNAME,
        PASSWORD,
        SUBJECT,
        ACTOR,
        SECRET,
    ],
)
.with_rules(&[Rule::OneGroup(&[&["authority", "grant"], &["use"]])]);

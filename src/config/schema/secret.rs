//! The table that every secret is: it names where the secret is found, and never is the secret.

use crate::config::{
    key::{Form, Key, table},
    names,
    settings::SecretSource,
    units,
};

// What these three refuse may be the secret itself, so none of them quotes it.
table! { SECRET = "the table that `client_secret` or `token` is";
    /// A file in $CREDENTIALS_DIRECTORY: LoadCredential=acme-client-secret:/path in the unit.
    CREDENTIAL: Key<SecretSource> = "credential", Form::Discreet(names::credential);
    /// A file.
    FILE: Key<SecretSource> = "file", Form::Discreet(|path| units::file_path(path).map(SecretSource::File));
    /// An environment variable.
    ENV: Key<SecretSource> = "env", Form::Discreet(names::variable);
}

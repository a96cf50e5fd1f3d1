use std::{collections::BTreeMap, fmt};

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::secrets::{AccountSecret, SecretError, shape_of};

/// The JSON object of a secret, member by member as it was written. Shows nothing of itself.
#[derive(Clone, Serialize)]
pub struct Document(BTreeMap<String, Box<RawValue>>);

impl Document {
    /// Reads the text of the secret `id`.
    pub fn parse(id: &str, text: &str) -> Result<Self, SecretError> {
        let members = serde_json::from_str(text);
        let wrong = |error| SecretError::Malformed(id.to_owned(), shape_of(&error));
        members.map(Document).map_err(wrong)
    }

    /// The credentials in it.
    pub fn account(&self, id: &str) -> Result<AccountSecret, SecretError> {
        serde_json::from_str(&self.text())
            .map_err(|error| SecretError::Malformed(id.to_owned(), shape_of(&error)))
    }

    /// A member that is a text.
    pub fn member(&self, name: &str) -> Option<String> {
        self.0.get(name).and_then(|value| serde_json::from_str(value.get()).ok())
    }

    /// This with one member set to a text, all others as they are.
    pub fn with(mut self, name: &str, text: &str) -> Self {
        if let Ok(raw) = to_raw_value(text) {
            self.0.insert(name.to_owned(), raw);
        }
        self
    }

    pub fn without(mut self, name: &str) -> Self {
        self.0.remove(name);
        self
    }

    pub(crate) fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Document(…)")
    }
}

/// Which versions carry the two labels of a rotation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labels {
    pub current: Option<String>,
    /// The version that a rotation has staged, or was to.
    pub pending: Option<String>,
}

/// The versions of a secret, for the one function that writes secrets. Secrets are named by ARN.
///
/// Every method fails if Secrets Manager does not answer.
pub trait SecretVersions {
    /// Which versions carry the labels.
    async fn labels(&self, id: &str) -> Result<Labels, SecretError>;

    /// The contents of a version, if it has any.
    async fn version(&self, id: &str, version: &str) -> Result<Option<Document>, SecretError>;

    /// Gives a version its contents and the label `AWSPENDING`; a new version with an id of its own
    /// where none is named. Contents never change: false if the version has others already.
    async fn stage(
        &self, id: &str, version: Option<&str>, document: &Document,
    ) -> Result<bool, SecretError>;

    /// Moves `AWSCURRENT` to `version`, on condition that `from` has it.
    async fn promote(&self, id: &str, version: &str, from: &str) -> Result<(), SecretError>;

    /// Takes `AWSPENDING` from `version`, on condition that it has it.
    async fn unstage(&self, id: &str, version: &str) -> Result<(), SecretError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"refresh_token":"r-1","n":1.10,"list":[ 1 ],"say \"hi\"":null}"#;

    #[test]
    fn one_member_changes_and_all_others_stay_as_they_were_written() {
        let document = Document::parse("main", TEXT).expect("an object");
        let changed = document.with("refresh_token", "r-\"2\"").with("note", "v1");
        assert_eq!(
            changed.text(),
            r#"{"list":[ 1 ],"n":1.10,"note":"v1","refresh_token":"r-\"2\"","say \"hi\"":null}"#
        );
        assert_eq!(changed.member("refresh_token").as_deref(), Some("r-\"2\""));
        assert_eq!(changed.clone().without("note").member("note"), None);
        let again = Document::parse("main", &changed.text()).expect("an object");
        assert_eq!(again.text(), changed.text());
    }

    #[test]
    fn neither_a_document_nor_its_errors_show_what_it_holds() {
        let document = Document::parse("main", TEXT).expect("an object");
        assert_eq!(format!("{document:?}"), "Document(…)");
        let missing = document.account("main").expect_err("no client_id").to_string();
        assert!(missing.contains("the member client_id") && !missing.contains("r-1"), "{missing}");
        let broken = Document::parse("main", "\"r-1").expect_err("no JSON").to_string();
        assert!(!broken.contains("r-1"), "{broken}");
    }
}

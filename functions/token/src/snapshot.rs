//! What is there: the labels of a secret, and the notes in a staged version.
//!
//! Notes are members of the secret beside the credentials; a version that became current keeps
//! them, and nobody reads them there.

use tracklayer_edge::ports::{
    AccountItems, Consents, Document, Labels, SecretError, SecretVersions,
};

use crate::{context::Token, error::TokenError, wire::Event};

/// The version that was current when this one was made.
pub(crate) const ROTATED_FROM: &str = "rotated_from";
/// The staged versions whose refresh tokens were exchanged, one after the other, for this one's.
pub(crate) const RENEWED_FROM: &str = "renewed_from";
/// The rotation, where its id is not the version's own.
pub(crate) const ROTATION: &str = "rotation";

/// A secret as one step found it.
#[derive(Debug)]
pub struct Snapshot {
    pub labels: Labels,
    pub current: String,
    /// The staged version, if this function made it.
    pub pending: Option<Pending>,
    /// The staged version, if somebody else did. A rotation that has just begun stages one without
    /// contents; that is nobody's.
    pub foreign: Option<String>,
}

#[derive(Debug)]
pub struct Pending {
    pub version: String,
    pub document: Document,
    /// Whether the rotation that asks has staged it.
    pub ours: bool,
    /// Whether what it was made of is still current.
    pub based: bool,
}

impl<V: SecretVersions, C: Consents, R: AccountItems> Token<V, C, R> {
    pub(crate) async fn snapshot(&self, event: &Event) -> Result<Snapshot, TokenError> {
        let labels = self.versions.labels(&event.secret_id).await?;
        let current = labels.current.clone().ok_or(TokenError::NoCurrent)?;
        let staged = labels.pending.as_ref().filter(|version| **version != current);
        let Some(version) = staged else {
            return Ok(Snapshot { labels, current, pending: None, foreign: None });
        };
        let document = match self.versions.version(&event.secret_id, version).await {
            // What is no JSON object can't be this function's.
            Err(SecretError::Malformed(..)) => Some(None),
            document => document?.map(Some),
        };
        let made = document.map(|found| found.and_then(|it| pending(version, it, &current, event)));
        let foreign = matches!(made, Some(None)).then(|| version.clone());
        Ok(Snapshot { labels, current, pending: made.flatten(), foreign })
    }

    /// Whether `found` is no longer what there is: then it is no ground for a decision. A version
    /// may have its label before it has contents.
    pub(crate) async fn has_changed(
        &self, event: &Event, found: &Snapshot,
    ) -> Result<bool, TokenError> {
        let now = self.snapshot(event).await?;
        Ok(now.labels != found.labels || now.pending.is_some() != found.pending.is_some())
    }

    /// The contents of the current version.
    pub(crate) async fn current(
        &self, event: &Event, found: &Snapshot,
    ) -> Result<Document, TokenError> {
        let document = self.versions.version(&event.secret_id, &found.current).await?;
        document.ok_or(TokenError::NoCurrent)
    }
}

/// Whether the rotation made this version.
pub(crate) fn is_of(rotation: &str, version: &str, document: &Document) -> bool {
    version == rotation || document.member(ROTATION).as_deref() == Some(rotation)
}

impl Pending {
    /// The note for a version that gets its refresh token from this one's. Whichever of them a
    /// rotation beside this one makes current, the new one goes on from there.
    pub(crate) fn renewed(&self) -> String {
        match self.document.member(RENEWED_FROM) {
            Some(earlier) => format!("{earlier} {}", self.version),
            None => self.version.clone(),
        }
    }
}

fn pending(version: &str, document: Document, current: &str, event: &Event) -> Option<Pending> {
    let from = document.member(ROTATED_FROM)?;
    let renewed = document.member(RENEWED_FROM).unwrap_or_default();
    Some(Pending {
        version: version.to_owned(),
        ours: is_of(&event.rotation, version, &document),
        based: from == current || renewed.split(' ').any(|version| version == current),
        document,
    })
}

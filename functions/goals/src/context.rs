//! What the function reads and writes.

use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::flows::sign_in::{LONGEST_QUESTION, SignIn};
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::live::Live;
use tracklayer_edge::ports::Ports;

/// What the function needs.
pub struct Goals<P: Ports = Live> {
    /// What is checked.
    pub mapping: Mapping,
    /// How long an hour lasts.
    pub policy: Policy,
    /// Where the result is kept.
    pub ledger: P::Ledger,
    /// Credentials.
    pub secrets: P::Secrets,
    /// Access tokens.
    pub auth: P::Auth,
    /// Who is asked.
    pub microsoft: P::Microsoft,
    /// The clock.
    pub clock: P::Clock,
    /// Where metrics go.
    pub telemetry: P::Telemetry,
}

/// How the function signs in.
pub(crate) type SignInOf<'a, P> = SignIn<
    'a,
    <P as Ports>::Secrets,
    <P as Ports>::Auth,
    <P as Ports>::Ledger,
    <P as Ports>::Clock,
>;

impl<P: Ports> Goals<P> {
    /// Signing in, until `deadline`.
    pub(crate) fn sign_in(&self, deadline: Deadline) -> SignInOf<'_, P> {
        SignIn {
            secrets: &self.secrets,
            tokens: &self.auth,
            ledger: &self.ledger,
            clock: &self.clock,
            deadline,
            question: LONGEST_QUESTION,
            pause: self.policy.run_margin,
        }
    }
}

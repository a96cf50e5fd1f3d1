use tracklayer_core::{mapping::Mapping, reconcile::decide::Policy};
use tracklayer_edge::flows::sign_in::{LONGEST_QUESTION, SignIn};
use tracklayer_edge::lambda::deadline::Deadline;
use tracklayer_edge::live::Live;
use tracklayer_edge::ports::Ports;

pub struct Goals<P: Ports = Live> {
    pub mapping: Mapping,
    pub policy: Policy,
    pub ledger: P::Ledger,
    pub secrets: P::Secrets,
    pub auth: P::Auth,
    pub microsoft: P::Microsoft,
    pub clock: P::Clock,
    pub telemetry: P::Telemetry,
}

impl<P: Ports> Goals<P> {
    /// Signing in, until `deadline`.
    pub(crate) fn sign_in(
        &self, deadline: Deadline,
    ) -> SignIn<'_, P::Secrets, P::Auth, P::Ledger, P::Clock> {
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

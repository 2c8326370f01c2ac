//! Whether a registry answers at all.

use ::http::{Method, Request, header};
use bytes::Bytes;
use tokio::time::timeout;

use super::RegistryClientInner;
use pinnace_core::registry::LookupError;

impl RegistryClientInner {
    /// Sends one `GET /v2/` without credentials. Any answer but a server error shows that the registry is up: most ask
    /// for a login here.
    ///
    /// # Errors
    /// The reason why it counts as down.
    pub(super) async fn ping(&self, host: &str) -> Result<(), LookupError> {
        let server = self.policy.server_of(host);
        let request = Request::builder()
            .method(Method::GET)
            .uri(format!("{}://{}/v2/", server.scheme, server.authority))
            .header(header::USER_AGENT, self.user_agent())
            .body(Bytes::new())
            .map_err(|_| LookupError::Other(format!("{host} is not a host name")))?;
        let Ok(answer) = timeout(self.policy.limits.call, self.http.open(&request)).await else {
            let limit = self.policy.limits.call.as_secs();
            return Err(LookupError::Unreachable(format!("no answer within {limit} s")));
        };
        let status = answer.map_err(LookupError::from)?.status;
        if status.is_server_error() {
            return Err(LookupError::Unreachable(format!("it answers with HTTP {}", status.as_u16())));
        }
        Ok(())
    }
}

//! Passcodes: stored as an Argon2id verifier (RFC 9106), which itself is sealed.

use std::sync::Arc;

use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Argon2, PasswordHash};
use tokio::sync::Semaphore;

use crate::Refusal;

/// How many passcodes are hashed at once: each takes some 20 MiB and a core.
const AT_ONCE: usize = 2;

/// Makes and checks verifiers, a bounded number at a time and off the runtime's threads.
#[derive(Debug, Clone)]
pub(crate) struct Passcodes {
    permits: Arc<Semaphore>,
}

impl Default for Passcodes {
    fn default() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

impl Passcodes {
    /// Makes the verifier of a passcode.
    pub(crate) async fn verifier(&self, passcode: &str) -> Result<String, Refusal> {
        let passcode = text::secret(passcode);
        self.work(move || Ok(Argon2::default().hash_password(passcode.as_bytes()).map_err(broken)?.to_string())).await
    }

    /// Tells whether `passcode` matches `verifier`.
    pub(crate) async fn check(&self, passcode: &str, verifier: String) -> Result<bool, Refusal> {
        let (given, meant) = (passcode.to_owned(), text::secret(passcode));
        self.work(move || {
            let hash = PasswordHash::new(&verifier).map_err(broken)?;
            let is_right = |passcode: &str| Argon2::default().verify_password(passcode.as_bytes(), &hash).is_ok();
            // Verifiers from before passcodes were read so were made of what was given, letter by letter.
            Ok(is_right(&meant) || given != meant && is_right(&given))
        })
        .await
    }

    /// Stops all hashing until the permits are dropped.
    #[cfg(test)]
    pub(crate) async fn hold(&self) -> tokio::sync::OwnedSemaphorePermit {
        let all = u32::try_from(AT_ONCE).expect("few");
        Arc::clone(&self.permits).acquire_many_owned(all).await.expect("the semaphore is never closed")
    }

    async fn work<T: Send + 'static>(&self, work: impl FnOnce() -> Result<T, Refusal> + Send + 'static) -> Result<T, Refusal> {
        let permit = Arc::clone(&self.permits).acquire_owned().await.expect("the semaphore is never closed");
        let work = move || {
            // Held until the work ends, even if the caller drops the future.
            let _permit = permit;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(broken)?
    }
}

fn broken(error: impl std::fmt::Display) -> Refusal {
    Refusal::Passcode(error.to_string())
}

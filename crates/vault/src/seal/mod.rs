//! Envelopes: what is secret, under a data key of its own, which is under a master key. Pure but for chance.

mod context;
mod envelope;
mod master;

pub use context::{Context, Purpose};
pub use envelope::Envelope;
pub use master::{DataKey, KeyError, KeyId, LocalKey, MasterKey};

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use aws_lc_rs::rand::fill;
use zeroize::Zeroizing;

/// Bytes that AES-GCM adds.
const TAG: usize = 16;

/// Seals `plain` under `key` for `aad`; gives `nonce ++ ciphertext ++ tag`. Nonces are random: a data key seals once, and
/// a master key stays far below the 2^32 data keys up to which that is sound.
fn encrypt(key: &[u8; 32], aad: &[u8], plain: &[u8]) -> Result<Vec<u8>, KeyError> {
    let mut nonce = [0; NONCE_LEN];
    fill(&mut nonce).map_err(|_| KeyError::NoChance)?;
    let mut sealed = Vec::with_capacity(NONCE_LEN + plain.len() + TAG);
    sealed.extend_from_slice(&nonce);
    // Encrypted in place in memory that is wiped, should sealing fail on the way.
    let mut body = Zeroizing::new(Vec::with_capacity(plain.len() + TAG));
    body.extend_from_slice(plain);
    cipher(key)?
        .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), Aad::from(aad), &mut *body)
        .map_err(|_| KeyError::NotOpened)?;
    sealed.extend_from_slice(&body);
    Ok(sealed)
}

/// Opens what [`encrypt`] made for the same `aad`.
fn decrypt(key: &[u8; 32], aad: &[u8], sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let (nonce, body) = sealed.split_at_checked(NONCE_LEN).ok_or(KeyError::NotOpened)?;
    let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| KeyError::NotOpened)?;
    let mut body = Zeroizing::new(body.to_vec());
    let length =
        cipher(key)?.open_in_place(nonce, Aad::from(aad), &mut body).map_err(|_| KeyError::NotOpened)?.len();
    body.truncate(length);
    Ok(body)
}

fn cipher(key: &[u8; 32]) -> Result<LessSafeKey, KeyError> {
    UnboundKey::new(&AES_256_GCM, key).map(LessSafeKey::new).map_err(|_| KeyError::NotOpened)
}

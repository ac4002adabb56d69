//! Proving that one knows a password without saying it (SCRAM, RFC 5802 and 7677).

use std::num::NonZeroU32;

use aws_lc_rs::{constant_time, digest, hmac, pbkdf2};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// What the password is hashed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hash {
    Sha256,
    Sha512,
}

/// The most rounds that a server may ask for: more would be a way to keep us busy.
const ROUNDS_MAX: u32 = 1_000_000;
/// The fewest (RFC 7677, section 4): with less the password could be guessed from the proof.
const ROUNDS_MIN: u32 = 4096;

/// Why it failed: the server does not keep to the rules, or does not know the password either.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken(pub(super) &'static str);

impl Hash {
    fn mac(self) -> hmac::Algorithm {
        match self {
            Self::Sha256 => hmac::HMAC_SHA256,
            Self::Sha512 => hmac::HMAC_SHA512,
        }
    }

    fn digest(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha512 => &digest::SHA512,
        }
    }

    fn stretch(self, password: &str, salt: &[u8], rounds: NonZeroU32) -> Zeroizing<Vec<u8>> {
        let algorithm = match self {
            Self::Sha256 => pbkdf2::PBKDF2_HMAC_SHA256,
            Self::Sha512 => pbkdf2::PBKDF2_HMAC_SHA512,
        };
        let mut stretched = Zeroizing::new(vec![0; self.digest().output_len()]);
        pbkdf2::derive(algorithm, rounds, salt, password.as_bytes(), &mut stretched);
        stretched
    }
}

/// A conversation.
pub(super) struct Scram {
    hash: Hash,
    /// What was said first, without its head.
    first: String,
    nonce: String,
    /// What the server proves itself by.
    expected: Vec<u8>,
}

impl Scram {
    /// Begins as a user, with a word that nobody else uses.
    pub(super) fn begin(hash: Hash, user: &str, nonce: String) -> Self {
        let user = user.replace('=', "=3D").replace(',', "=2C");
        Self { hash, first: format!("n={user},r={nonce}"), nonce, expected: Vec::new() }
    }

    /// What is said first.
    pub(super) fn first(&self) -> String {
        format!("n,,{}", self.first)
    }

    /// The proof, for what the server asks.
    pub(super) fn proof(&mut self, asked: &str, password: &str) -> Result<String, Broken> {
        let field = |name: &str| asked.split(',').find_map(|field| field.strip_prefix(name));
        let nonce = field("r=").ok_or(Broken("it says no nonce"))?;
        let ours = nonce.strip_prefix(&self.nonce).filter(|theirs| !theirs.is_empty());
        ours.ok_or(Broken("its nonce does not go on from ours"))?;
        let salt =
            field("s=").and_then(|salt| STANDARD.decode(salt).ok()).ok_or(Broken("it says no salt"))?;
        let rounds = field("i=").and_then(|rounds| rounds.parse::<NonZeroU32>().ok());
        let rounds = rounds.filter(|rounds| (ROUNDS_MIN..=ROUNDS_MAX).contains(&rounds.get()));
        let rounds = rounds.ok_or(Broken("it asks for no number of rounds, for too few or too many"))?;
        let salted = self.hash.stretch(password, &salt, rounds);
        let signed = |key: &[u8], text: &[u8]| hmac::sign(&hmac::Key::new(self.hash.mac(), key), text);
        let client_key = signed(&salted, b"Client Key");
        let stored_key = digest::digest(self.hash.digest(), client_key.as_ref());
        let last = format!("c=biws,r={nonce}");
        let whole = format!("{},{asked},{last}", self.first);
        let signature = signed(stored_key.as_ref(), whole.as_bytes());
        let pairs = client_key.as_ref().iter().zip(signature.as_ref());
        let proof: Vec<u8> = pairs.map(|(key, signature)| key ^ signature).collect();
        let server_key = signed(&salted, b"Server Key");
        self.expected = signed(server_key.as_ref(), whole.as_bytes()).as_ref().to_vec();
        Ok(format!("{last},p={}", STANDARD.encode(proof)))
    }

    /// Checks that the server knows the password, too.
    pub(super) fn check(&self, said: &str) -> Result<(), Broken> {
        let shown = said.split(',').find_map(|field| field.strip_prefix("v="));
        let shown = shown.and_then(|shown| STANDARD.decode(shown).ok()).unwrap_or_default();
        let is_it = !self.expected.is_empty()
            && constant_time::verify_slices_are_equal(&shown, &self.expected).is_ok();
        if is_it { Ok(()) } else { Err(Broken("it does not know the password itself")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    fn example() -> Scram {
        Scram::begin(Hash::Sha256, "user", "rOprNGfwEbeRWgbNEkqO".to_owned())
    }

    const ASKED: &str =
        "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";

    #[test]
    fn the_example_of_the_rfc_comes_out() {
        let mut scram = example();
        assert_eq!(scram.first(), "n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
        let proof = scram.proof(ASKED, "pencil").unwrap();
        assert_eq!(
            proof,
            "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
             p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
        );
        assert_eq!(scram.check("v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="), Ok(()));
        for wrong in ["v=AAAA", "e=invalid-proof", ""] {
            assert!(scram.check(wrong).is_err(), "{wrong}");
        }
        assert!(example().check("v=").is_err(), "nothing was asked yet");
    }

    #[test]
    fn who_asks_wrongly_gets_no_proof() {
        for asked in [
            "r=other,s=W22Z,i=4096",
            "r=rOprNGfwEbeRWgbNEkqO,s=W22Z,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=!,i=4096",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=0",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4095",
            "r=rOprNGfwEbeRWgbNEkqOx,s=W22Z,i=4000000000",
            "",
        ] {
            assert!(example().proof(asked, "pencil").is_err(), "{asked}");
        }
        assert_eq!(Scram::begin(Hash::Sha512, "a=b,c", "n".to_owned()).first(), "n,,n=a=3Db=2Cc,r=n");
    }
}

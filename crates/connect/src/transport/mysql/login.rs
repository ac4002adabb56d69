//! How a session begins: what the server says of itself, and who logs in.

use std::sync::Arc;

use aws_lc_rs::rsa::{OAEP_SHA1_MGF1SHA1, OaepPublicEncryptingKey, PublicEncryptingKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sinew_vault::Secret;
use tokio::io::{AsyncRead, AsyncWrite};
use zeroize::Zeroizing;

use super::refusal::{garbled, lost, unprepared, unread};
use super::wire::{Bytes, Packets, caching_sha2_password, native_password, put_counted};
use crate::auth::Login;
use crate::transport::{TransportError, TransportErrorKind as Kind};

/// What we can do (MySQL's protocol, capability flags): count found rows, name a database, the protocol of 4.1,
/// transactions, challenges, ways to log in by name. What is left out on purpose: several statements in one, and files of
/// ours that the server may ask for (`LOAD DATA LOCAL`).
const CAPABLE: u32 = 0x1 | 0x2 | 0x4 | 0x8 | 0x200 | 0x2000 | 0x8000 | 0x8_0000;
/// It speaks TLS.
const TLS: u32 = 0x800;
/// `utf8mb4`
const CHARSET: u8 = 45;
/// How often the server may ask for something else before it lets anybody in.
const ROUNDS_MAX: usize = 10;

/// What a server begins with.
pub(super) struct Greeting {
    /// The session's number at the server.
    pub(super) number: u32,
    capable: u32,
    challenge: Vec<u8>,
    way: String,
}

impl Greeting {
    /// Protocol version, server version, number, challenge, capabilities, charset, status, more of them.
    pub(super) fn read(packet: &[u8]) -> Result<Self, TransportError> {
        if packet.first() == Some(&0xff) {
            return Err(unprepared(packet));
        }
        let mut bytes = Bytes::new(packet);
        let version = bytes.u8();
        bytes.terminated();
        let number = bytes.u32();
        let mut challenge = bytes.take(8).to_vec();
        bytes.take(1);
        let low = bytes.u16();
        bytes.take(3);
        let high = bytes.u16();
        let length = usize::from(bytes.u8());
        bytes.take(10);
        let more = bytes.take(length.saturating_sub(8).max(13));
        challenge.extend_from_slice(more.strip_suffix(&[0]).unwrap_or(more));
        if version != 10 || bytes.is_short() {
            return Err(garbled());
        }
        let way = String::from_utf8_lossy(bytes.terminated()).into_owned();
        Ok(Self { number, capable: u32::from(low) | u32::from(high) << 16, challenge, way })
    }

    pub(super) fn offers_tls(&self) -> bool {
        self.capable & TLS != 0
    }
}

/// What a log-in begins with, and all that asks for TLS.
pub(super) fn head(secure: bool) -> Vec<u8> {
    let mut head = Vec::with_capacity(32);
    head.extend_from_slice(&(if secure { CAPABLE | TLS } else { CAPABLE }).to_le_bytes());
    head.extend_from_slice(&0x0100_0000_u32.to_le_bytes());
    head.push(CHARSET);
    head.resize(32, 0);
    head
}

/// Proves who it is, in the way that the server wants; `secure` tells whether nobody else can listen.
pub(super) async fn log_in<S: AsyncRead + AsyncWrite + Unpin>(
    packets: &mut Packets<S>,
    greeting: &Greeting,
    head: Vec<u8>,
    login: Option<&Login>,
    database: &str,
    secure: bool,
) -> Result<(), TransportError> {
    let (user, password) = match login {
        Some(login) => (Arc::clone(&login.user), login.password.clone()),
        None => (Arc::from("sinew"), Secret::new("")),
    };
    if user.contains('\0') || database.contains('\0') || password.expose().contains('\0') {
        return Err(TransportError::new(Kind::Login, "a name or password holds a zero byte"));
    }
    let mut challenge = greeting.challenge.clone();
    let first = proof(&greeting.way, &password, &challenge, secure).unwrap_or_default();
    let mut out = Zeroizing::new(head);
    out.extend_from_slice(user.as_bytes());
    out.push(0);
    if first.len() > 250 {
        return Err(TransportError::new(Kind::Login, "the password is too long"));
    }
    put_counted(&mut out, &first);
    out.extend_from_slice(database.as_bytes());
    out.push(0);
    out.extend_from_slice(greeting.way.as_bytes());
    out.push(0);
    packets.write(&out).await.map_err(|e| lost(&e))?;
    for _ in 0..ROUNDS_MAX {
        let packet = packets.read().await.map_err(unread)?;
        let answer: Zeroizing<Vec<u8>> = match packet.split_first() {
            Some((0x00, _)) => return Ok(()),
            Some((0xff, _)) => return Err(unprepared(&packet)),
            // Another way to log in is asked for.
            Some((0xfe, rest)) => {
                let mut bytes = Bytes::new(rest);
                let way = String::from_utf8_lossy(bytes.terminated()).into_owned();
                challenge = bytes.rest().strip_suffix(&[0]).unwrap_or(bytes.rest()).to_vec();
                let unknown = || {
                    let words = format!("the server wants a log-in by `{way}`, which is not known here");
                    TransportError::new(Kind::Login, words)
                };
                proof(&way, &password, &challenge, secure).ok_or_else(unknown)?
            }
            // The server knows the proof from before.
            Some((0x01, [0x03])) => continue,
            // It has to see the password itself: under TLS as it is, else under the server's key.
            Some((0x01, [0x04])) if secure => terminated(&password),
            Some((0x01, [0x04])) => Zeroizing::new(vec![0x02]),
            Some((0x01, key)) if !secure => {
                Zeroizing::new(sealed(key, &terminated(&password), &challenge).ok_or_else(garbled)?)
            }
            _ => return Err(garbled()),
        };
        packets.write(&answer).await.map_err(|e| lost(&e))?;
    }
    Err(garbled())
}

/// What proves that the password is known; `None` if the way is not known here.
fn proof(way: &str, password: &Secret, challenge: &[u8], secure: bool) -> Option<Zeroizing<Vec<u8>>> {
    let bytes = password.expose().as_bytes();
    Some(match way {
        "mysql_native_password" => Zeroizing::new(native_password(bytes, challenge)),
        "caching_sha2_password" => Zeroizing::new(caching_sha2_password(bytes, challenge)),
        "mysql_clear_password" if secure => terminated(password),
        _ => return None,
    })
}

fn terminated(password: &Secret) -> Zeroizing<Vec<u8>> {
    Zeroizing::new([password.expose().as_bytes(), &[0]].concat())
}

/// The password, mixed with the challenge, under the server's public key.
fn sealed(pem: &[u8], password: &[u8], challenge: &[u8]) -> Option<Vec<u8>> {
    let mixed: Zeroizing<Vec<u8>> =
        Zeroizing::new(password.iter().zip(challenge.iter().cycle()).map(|(a, b)| a ^ b).collect());
    let text: String = std::str::from_utf8(pem).ok()?.lines().filter(|line| !line.starts_with('-')).collect();
    let key = PublicEncryptingKey::from_der(&STANDARD.decode(text.trim()).ok()?).ok()?;
    let key = OaepPublicEncryptingKey::new(key).ok()?;
    let mut out = vec![0; key.ciphertext_size()];
    let sealed = key.encrypt(&OAEP_SHA1_MGF1SHA1, &mixed, &mut out, None).ok()?;
    Some(sealed.to_vec())
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer as _;
    use aws_lc_rs::rsa::{KeySize, OaepPrivateDecryptingKey, PrivateDecryptingKey};
    use tokio::io::DuplexStream;

    use super::*;
    use crate::auth::Proof;

    const CHALLENGE: &[u8; 20] = b"abcdefghijklmnopqrst";

    /// What MySQL 8 begins with.
    fn greeting() -> Vec<u8> {
        let mut out = vec![10];
        out.extend_from_slice(b"8.0.36\0\x07\0\0\0");
        out.extend_from_slice(&CHALLENGE[..8]);
        out.extend_from_slice(&[0, 0xff, 0xff, 45, 2, 0, 0xff, 0xdf, 21]);
        out.extend_from_slice(&[0; 10]);
        out.extend_from_slice(&CHALLENGE[8..]);
        out.push(0);
        out.extend_from_slice(b"caching_sha2_password\0");
        out
    }

    /// Logs in to a server that says these things; gives what it was told, and how that ended.
    async fn check(secure: bool, says: &[&[u8]]) -> (Vec<Vec<u8>>, String) {
        let (ours, theirs): (DuplexStream, DuplexStream) = tokio::io::duplex(100_000);
        let mut server = Packets::new(theirs, 0, 10_000);
        let mut client = Packets::new(ours, 0, 10_000);
        let login = Login::new(Arc::from("sinew"), Secret::new("secret"), Proof::Password);
        let serve = async {
            let mut heard = vec![server.read().await.unwrap()];
            for packet in says {
                server.write(packet).await.unwrap();
            }
            while let Ok(packet) = server.read().await {
                heard.push(packet);
            }
            heard
        };
        let enter = async move {
            let greeting = Greeting::read(&greeting()).unwrap();
            assert!(greeting.offers_tls() && greeting.number == 7);
            let head = head(secure);
            log_in(&mut client, &greeting, head, Some(&login), "shop", secure).await
        };
        let (heard, entered) = tokio::join!(serve, enter);
        (heard, entered.map_or_else(|error| format!("{:?}: {error}", error.kind), |()| "in".to_owned()))
    }

    #[tokio::test]
    async fn a_server_that_knows_the_proof_from_before_lets_in() {
        let (heard, entered) = check(true, &[&[0x01, 0x03], &[0x00]]).await;
        assert_eq!(entered, "in");
        let proof = caching_sha2_password(b"secret", CHALLENGE);
        let expected = [b"sinew\0\x20", &proof[..], b"shop\0caching_sha2_password\0"].concat();
        assert!(heard.len() == 1 && heard[0].ends_with(&expected));
    }

    #[tokio::test]
    async fn the_password_itself_is_shown_under_tls_only() {
        let (heard, entered) = check(true, &[&[0x01, 0x04], &[0x00]]).await;
        assert_eq!((heard[1].as_slice(), entered.as_str()), (&b"secret\0"[..], "in"));
        let clear = b"\xfemysql_clear_password\0";
        assert_eq!(check(true, &[clear, &[0x00]]).await.0[1], b"secret\0");
        let (heard, entered) = check(false, &[clear, &[0x00]]).await;
        assert!(heard.len() == 1 && entered.starts_with("Login") && entered.contains("mysql_clear_password"));
    }

    #[tokio::test]
    async fn in_clear_the_password_goes_under_the_servers_key() {
        let own = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let public = own.public_key();
        let der: aws_lc_rs::encoding::PublicKeyX509Der<'_> = public.as_der().unwrap();
        let text = STANDARD.encode(der.as_ref());
        let pem = format!("\x01-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
        let (heard, entered) = check(false, &[&[0x01, 0x04], pem.as_bytes(), &[0x00]]).await;
        assert_eq!((entered.as_str(), heard[1].as_slice()), ("in", &[0x02][..]));
        let own = OaepPrivateDecryptingKey::new(own).unwrap();
        let mut out = vec![0; own.min_output_size()];
        let mixed = own.decrypt(&OAEP_SHA1_MGF1SHA1, &heard[2], &mut out, None).unwrap();
        let plain: Vec<u8> = mixed.iter().zip(CHALLENGE).map(|(a, b)| a ^ b).collect();
        assert_eq!(plain, b"secret\0");
    }

    #[tokio::test]
    async fn another_way_is_gone_if_it_is_known() {
        let native = b"\xfemysql_native_password\0ABCDEFGHIJKLMNOPQRST\0";
        let (heard, entered) = check(true, &[native, &[0x00]]).await;
        let proof = native_password(b"secret", b"ABCDEFGHIJKLMNOPQRST");
        assert_eq!((heard[1].as_slice(), entered.as_str()), (proof.as_slice(), "in"));
        let (_, entered) = check(true, &[b"\xfeauth_gssapi\0"]).await;
        assert!(entered.contains("`auth_gssapi`"), "{entered}");
    }

    #[tokio::test]
    async fn what_is_garbled_or_does_not_end_lets_nobody_in() {
        for says in [&b"\x01"[..], b"", b"\x09", b"\x01-----BEGIN nonsense"] {
            let (_, entered) = check(false, &[says]).await;
            assert!(entered.starts_with("Unusable"), "{says:?}: {entered}");
        }
        let (_, entered) = check(true, &[&b"\x01\x03"[..]; 20]).await;
        assert!(entered.starts_with("Unusable"), "{entered}");
        let whole = greeting();
        for length in 1..whole.len() - b"caching_sha2_password\0".len() {
            assert!(Greeting::read(&whole[..length]).is_err(), "{length}");
        }
    }
}

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sinew_model::{AddressKind, Egress};

/// Why an address is not reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// It answers with the credentials of the machine itself; nothing allows it.
    Metadata,
    /// Not public, and the connection does not allow this kind.
    NotAllowed(AddressKind),
    /// No address of one host: multicast, broadcast, unspecified, reserved.
    NoHost,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Metadata => "a metadata service, which no connection may reach",
            Self::NotAllowed(AddressKind::Loopback) => {
                "a loopback address, which this connection does not allow"
            }
            Self::NotAllowed(AddressKind::Private) => {
                "a private address, which this connection does not allow"
            }
            Self::NotAllowed(AddressKind::LinkLocal) => {
                "a link-local address, which this connection does not allow"
            }
            Self::NoHost => "not the address of one host",
        })
    }
}

/// Metadata services of the common clouds.
const METADATA_V4: [Ipv4Addr; 6] = [
    Ipv4Addr::new(169, 254, 169, 254),
    Ipv4Addr::new(169, 254, 170, 2),
    Ipv4Addr::new(169, 254, 170, 23),
    Ipv4Addr::new(100, 100, 100, 200),
    Ipv4Addr::new(168, 63, 129, 16),
    Ipv4Addr::new(192, 0, 0, 192),
];
const METADATA_V6: [Ipv6Addr; 3] = [
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254),
    Ipv6Addr::new(0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x23),
    Ipv6Addr::new(0xfd20, 0x00ce, 0, 0, 0, 0, 0, 0x254),
];

/// Whether a connection may reach an address. An address that carries another inside it is judged by that one.
pub fn check_address(address: IpAddr, egress: &Egress) -> Result<(), Refusal> {
    let kind = match address {
        IpAddr::V4(v4) => kind_v4(v4)?,
        IpAddr::V6(v6) => match embedded_v4(v6) {
            Some(v4) => kind_v4(v4)?,
            None => kind_v6(v6)?,
        },
    };
    match kind {
        Some(kind) if !egress.allow.contains(&kind) => Err(Refusal::NotAllowed(kind)),
        _ => Ok(()),
    }
}

/// The kind of an address that is not public.
fn kind_v4(address: Ipv4Addr) -> Result<Option<AddressKind>, Refusal> {
    if METADATA_V4.contains(&address) {
        return Err(Refusal::Metadata);
    }
    let [a, b, c, _] = address.octets();
    let kind = match (a, b, c) {
        (0 | 224..=255, ..) | (192, 0, 0) => return Err(Refusal::NoHost),
        (127, ..) => AddressKind::Loopback,
        (10, ..) | (172, 16..=31, _) | (192, 168, _) | (100, 64..=127, _) | (198, 18..=19, _) => {
            AddressKind::Private
        }
        (169, 254, _) => AddressKind::LinkLocal,
        _ => return Ok(None),
    };
    Ok(Some(kind))
}

fn kind_v6(address: Ipv6Addr) -> Result<Option<AddressKind>, Refusal> {
    if METADATA_V6.contains(&address) {
        return Err(Refusal::Metadata);
    }
    if address.is_loopback() {
        return Ok(Some(AddressKind::Loopback));
    }
    let first = address.segments()[0];
    match first {
        // Deprecated site-local addresses (fec0::/10, RFC 3879) are somebody's inner network still.
        0xfc00..=0xfdff | 0xfec0..=0xfeff => Ok(Some(AddressKind::Private)),
        0xfe80..=0xfebf => Ok(Some(AddressKind::LinkLocal)),
        // Of the rest only global unicast (2000::/3) belongs to hosts.
        0x2000..=0x3fff if !is_teredo(address) => Ok(None),
        _ => Err(Refusal::NoHost),
    }
}

/// Teredo (RFC 4380) hides an address behind another; nobody needs it to reach an API.
fn is_teredo(address: Ipv6Addr) -> bool {
    address.segments()[..2] == [0x2001, 0]
}

/// The IPv4 address inside a mapped (RFC 4291), compatible, translated (RFC 6052, RFC 8215) or 6to4 (RFC 3056) address.
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let v4 = |high: u16, low: u16| Ipv4Addr::from_bits(u32::from(high) << 16 | u32::from(low));
    match address.segments() {
        [0, 0, 0, 0, 0, 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x64, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        [0, 0, 0, 0, 0, 0, high, low] if high != 0 => Some(v4(high, low)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(address: &str, allow: &[AddressKind]) -> Result<(), Refusal> {
        check_address(address.parse().unwrap(), &Egress { allow: allow.iter().copied().collect() })
    }

    #[test]
    fn public_addresses_are_reached() {
        for address in ["93.184.216.34", "8.8.8.8", "172.32.0.1", "2606:2800:220:1::1", "64:ff9b::808:808"] {
            assert_eq!(check(address, &[]), Ok(()), "{address}");
        }
    }

    #[test]
    fn addresses_that_are_not_public_are_refused_unless_their_kind_is_allowed() {
        use AddressKind::{LinkLocal, Loopback, Private};
        for (address, kind) in [
            ("127.0.0.1", Loopback),
            ("127.8.8.8", Loopback),
            ("::1", Loopback),
            ("::ffff:127.0.0.1", Loopback),
            ("64:ff9b::7f00:1", Loopback),
            ("2002:7f00:1::", Loopback),
            ("10.1.2.3", Private),
            ("172.16.0.1", Private),
            ("192.168.1.1", Private),
            ("100.64.0.1", Private),
            ("198.18.0.1", Private),
            ("fd12::1", Private),
            ("fec0::1", Private),
            ("::ffff:10.0.0.1", Private),
            ("64:ff9b:1::a00:1", Private),
            ("169.254.1.1", LinkLocal),
            ("fe80::1", LinkLocal),
        ] {
            assert_eq!(check(address, &[]), Err(Refusal::NotAllowed(kind)), "{address}");
            assert_eq!(check(address, &[kind]), Ok(()), "{address}");
        }
    }

    #[test]
    fn metadata_services_and_no_hosts_are_never_reached() {
        let all = [AddressKind::Loopback, AddressKind::Private, AddressKind::LinkLocal];
        for address in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "64:ff9b::a9fe:a9fe",
            "fd00:ec2::254",
            "100.100.100.200",
        ] {
            assert_eq!(check(address, &all), Err(Refusal::Metadata), "{address}");
        }
        for address in
            ["0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "::", "ff02::1", "2001:0:1::1", "100::1"]
        {
            assert_eq!(check(address, &all), Err(Refusal::NoHost), "{address}");
        }
    }
}

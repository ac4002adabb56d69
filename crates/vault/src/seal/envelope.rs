use zeroize::Zeroizing;

use super::context::Sealing;
use super::{Context, DataKey, KeyError, KeyId, MasterKey, decrypt, encrypt};

/// The first byte of an envelope of this layout.
const LAYOUT: u8 = 1;
/// The largest wrapped key: services wrap generously.
const WRAPPED_MAX: usize = u16::MAX as usize;

/// Something secret, sealed for its place.
///
/// As bytes: layout (1), length of the key's name (1), the name, length of the wrapped key (2, big-endian), the wrapped
/// key, and the sealed content to the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Envelope {
    key: KeyId,
    wrapped: Vec<u8>,
    sealed: Vec<u8>,
}

impl Envelope {
    /// Seals under a data key of its own.
    pub fn seal(master: &dyn MasterKey, context: &Context<'_>, plain: &[u8]) -> Result<Self, KeyError> {
        let key = DataKey::fresh()?;
        let sealed = encrypt(key.expose(), &context.bytes(Sealing::Content), plain)?;
        Self::under(master, context, &key, sealed)
    }

    /// Opens it with its master key.
    pub fn open(
        &self,
        master: &dyn MasterKey,
        context: &Context<'_>,
    ) -> Result<Zeroizing<Vec<u8>>, KeyError> {
        let key = master.unwrap(&self.wrapped, context)?;
        decrypt(key.expose(), &context.bytes(Sealing::Content), &self.sealed)
    }

    /// The same content under another master key. The content is not opened.
    pub fn rewrap(
        &self,
        from: &dyn MasterKey,
        to: &dyn MasterKey,
        context: &Context<'_>,
    ) -> Result<Self, KeyError> {
        let key = from.unwrap(&self.wrapped, context)?;
        Self::under(to, context, &key, self.sealed.clone())
    }

    fn under(
        master: &dyn MasterKey,
        context: &Context<'_>,
        key: &DataKey,
        sealed: Vec<u8>,
    ) -> Result<Self, KeyError> {
        let wrapped = master.wrap(key, context)?;
        if wrapped.len() > WRAPPED_MAX {
            return Err(KeyError::Service(format!("`{}` wraps a key in more than 64 KiB", master.id())));
        }
        Ok(Self { key: master.id().clone(), wrapped, sealed })
    }

    /// The master key that it is under.
    pub fn key(&self) -> &KeyId {
        &self.key
    }

    /// As it is kept.
    pub fn to_bytes(&self) -> Vec<u8> {
        let name = self.key.as_str().as_bytes();
        let mut bytes = Vec::with_capacity(4 + name.len() + self.wrapped.len() + self.sealed.len());
        bytes.extend_from_slice(&[LAYOUT, name.len() as u8]);
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&(self.wrapped.len() as u16).to_be_bytes());
        bytes.extend_from_slice(&self.wrapped);
        bytes.extend_from_slice(&self.sealed);
        bytes
    }

    /// As it was kept; `None` if that is no envelope.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let ([LAYOUT, name_len], rest) = bytes.split_first_chunk::<2>()? else { return None };
        let (name, rest) = rest.split_at_checked(usize::from(*name_len))?;
        let (wrapped_len, rest) = rest.split_first_chunk::<2>()?;
        let (wrapped, sealed) = rest.split_at_checked(usize::from(u16::from_be_bytes(*wrapped_len)))?;
        let key = KeyId::new(std::str::from_utf8(name).ok()?)?;
        Some(Self { key, wrapped: wrapped.to_vec(), sealed: sealed.to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{LocalKey, Purpose};
    use super::*;

    fn key() -> LocalKey {
        LocalKey::fresh().unwrap().0
    }

    const PLACE: Context<'static> = Context { purpose: Purpose::Secret, name: "crm/client", version: 3 };

    #[test]
    fn what_is_sealed_for_a_place_opens_there_and_nowhere_else() {
        let (master, other) = (key(), key());
        let envelope = Envelope::seal(&master, &PLACE, b"hunter2").unwrap();
        assert_eq!(**envelope.open(&master, &PLACE).unwrap(), *b"hunter2");
        for place in [
            Context { name: "crm/client2", ..PLACE },
            Context { name: "crm/clien", ..PLACE },
            Context { version: 4, ..PLACE },
            Context { purpose: Purpose::Session, ..PLACE },
        ] {
            assert_eq!(envelope.open(&master, &place).unwrap_err(), KeyError::NotOpened, "{place:?}");
        }
        assert_eq!(envelope.open(&other, &PLACE).unwrap_err(), KeyError::NotOpened);
    }

    #[test]
    fn no_byte_can_be_changed_unnoticed() {
        let master = key();
        let bytes = Envelope::seal(&master, &PLACE, b"hunter2").unwrap().to_bytes();
        assert_eq!(**Envelope::from_bytes(&bytes).unwrap().open(&master, &PLACE).unwrap(), *b"hunter2");
        // Bytes of the key's name are not secret; they choose the key, and it has to be the right one.
        let name = 2..2 + master.id().as_str().len();
        for at in (0..bytes.len()).filter(|at| !name.contains(at)) {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let opened = Envelope::from_bytes(&changed).map(|envelope| envelope.open(&master, &PLACE));
            assert!(!matches!(opened, Some(Ok(_))), "byte {at}");
        }
        for length in 0..bytes.len() {
            let opened =
                Envelope::from_bytes(&bytes[..length]).map(|envelope| envelope.open(&master, &PLACE));
            assert!(!matches!(opened, Some(Ok(_))), "{length} bytes");
        }
    }

    #[test]
    fn two_sealings_of_one_thing_have_nothing_in_common() {
        let master = key();
        let sealed = || Envelope::seal(&master, &PLACE, b"hunter2").unwrap();
        let (one, two) = (sealed(), sealed());
        assert!(one.wrapped != two.wrapped && one.sealed != two.sealed);
    }

    #[test]
    fn a_data_key_is_wrapped_again_without_touching_the_content() {
        let (old, new) = (key(), key());
        let before = Envelope::seal(&old, &PLACE, b"hunter2").unwrap();
        let after = before.rewrap(&old, &new, &PLACE).unwrap();
        assert_eq!((after.key(), &after.sealed), (new.id(), &before.sealed));
        assert_eq!(**after.open(&new, &PLACE).unwrap(), *b"hunter2");
        assert!(after.open(&old, &PLACE).is_err());
        assert!(before.rewrap(&old, &new, &Context { version: 4, ..PLACE }).is_err());
    }
}

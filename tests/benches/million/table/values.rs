//! The values in the table.

use super::{Table, read_units, write_units};
use lambda_ws::Timestamp;
use lambda_ws::store::{Entries, KeyPage, KeyValueStore, StoreError, Value};

/// The partition of a namespace of values: leases, presences, or pending changes.
fn values(namespace: &str) -> (&'static str, String) {
    let kind = match namespace.split(':').next() {
        Some("in") => "K in",
        Some("joined") => "K joined",
        Some("left") => "K left",
        Some("task") => "K task",
        _ => "K",
    };
    (kind, format!("K {namespace}"))
}

impl KeyValueStore for Table {
    async fn read(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Value>, StoreError> {
        let value = self.memory.read(namespace, key, now).await?;
        let bytes = value.as_ref().map_or(0, |value| value.value.len());
        self.request(values(namespace), 0.0, read_units(bytes))
            .await?;
        Ok(value)
    }

    async fn write(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
    ) -> Result<u64, StoreError> {
        let units = write_units(value.len());
        self.request(values(namespace), units, 0.0).await?;
        self.memory.write(namespace, key, value, expires).await
    }

    async fn replace(
        &self,
        namespace: &str,
        key: &str,
        value: &str,
        expires: Option<Timestamp>,
        version: Option<u64>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let units = write_units(value.len());
        self.request(values(namespace), units, 0.0).await?;
        self.memory
            .replace(namespace, key, value, expires, version, now)
            .await
    }

    async fn delete(&self, namespace: &str, key: &str, now: Timestamp) -> Result<bool, StoreError> {
        self.request(values(namespace), 1.0, 0.0).await?;
        self.memory.delete(namespace, key, now).await
    }

    async fn delete_if(
        &self,
        namespace: &str,
        key: &str,
        version: u64,
    ) -> Result<bool, StoreError> {
        self.request(values(namespace), 1.0, 0.0).await?;
        self.memory.delete_if(namespace, key, version).await
    }

    async fn take(
        &self,
        namespace: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<String>, StoreError> {
        self.request(values(namespace), 1.0, 0.0).await?;
        self.memory.take(namespace, key, now).await
    }

    async fn keys(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        now: Timestamp,
    ) -> Result<KeyPage, StoreError> {
        let page = self.memory.keys(namespace, prefix, after, now).await?;
        let units = read_units(page.keys.len() * 100);
        self.request(values(namespace), 0.0, units).await?;
        Ok(page)
    }

    async fn entries(
        &self,
        namespace: &str,
        prefix: &str,
        after: Option<&str>,
        most: usize,
        now: Timestamp,
    ) -> Result<Entries, StoreError> {
        let found = self
            .memory
            .entries(namespace, prefix, after, most, now)
            .await?;
        let bytes = found
            .entries
            .iter()
            .map(|(_, value)| value.value.len() + 100);
        let units = read_units(bytes.sum());
        self.request(values(namespace), 0.0, units).await?;
        Ok(found)
    }

    async fn read_all(
        &self,
        keys: &[(String, String)],
        now: Timestamp,
    ) -> Result<Vec<Option<Value>>, StoreError> {
        for keys in keys.chunks(100) {
            if let Some((namespace, _)) = keys.first() {
                let units = keys.len() as f64;
                self.request(values(namespace), 0.0, units).await?;
            }
        }
        let mut found = Vec::with_capacity(keys.len());
        for (namespace, key) in keys {
            found.push(self.memory.read(namespace, key, now).await?);
        }
        Ok(found)
    }

    async fn delete_all(
        &self,
        namespace: &str,
        keys: &[String],
        now: Timestamp,
    ) -> Result<(), StoreError> {
        for keys in keys.chunks(25) {
            self.batch(keys.iter().map(|_| values(namespace)).collect())
                .await?;
            for key in keys {
                self.memory.delete(namespace, key, now).await?;
            }
        }
        Ok(())
    }
}

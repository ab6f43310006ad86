//! Geolocation databases in MaxMind DB format, written on the spot from `envoy-config/demo-networks.csv`, or the ones
//! that `GEOIP_COUNTRY_DB` and `GEOIP_ASN_DB` name.

use mmdb_writer::{Value, Writer};
use std::path::{Path, PathBuf};

const NETWORKS: &str = include_str!("../../envoy-config/demo-networks.csv");

/// Puts `country.mmdb` and `asn.mmdb` into `directory`.
pub fn write(directory: &Path) -> Result<(), String> {
    let given = |name| std::env::var_os(name).map(PathBuf::from);
    let (country, asn) = (directory.join("country.mmdb"), directory.join("asn.mmdb"));
    match (given("GEOIP_COUNTRY_DB"), given("GEOIP_ASN_DB")) {
        (None, None) => {}
        (Some(given_country), Some(given_asn)) => {
            for (from, to) in [(given_country, country), (given_asn, asn)] {
                std::fs::copy(&from, &to).map_err(|error| format!("cannot copy {}: {error}", from.display()))?;
            }
            return Ok(());
        }
        _ => return Err("set both GEOIP_COUNTRY_DB and GEOIP_ASN_DB, or neither".to_owned()),
    }
    let mut countries = Writer::new("Session-Risk-Demo-Country");
    let mut systems = Writer::new("Session-Risk-Demo-ASN");
    for line in NETWORKS.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split(',').collect();
        let [prefix, country, asn, organisation] = fields.as_slice() else {
            return Err(format!("demo-networks.csv: expected four fields, found `{line}`"));
        };
        let bad = |what: &str| format!("demo-networks.csv: bad {what} in `{line}`");
        let network: ipnet::IpNet = prefix.parse().map_err(|_| bad("prefix"))?;
        let asn: u32 = asn.parse().map_err(|_| bad("autonomous system"))?;
        let iso = Value::map([("iso_code", Value::from(*country))]);
        let system = [
            ("autonomous_system_number", Value::from(asn)),
            ("autonomous_system_organization", Value::from(*organisation)),
        ];
        countries.insert_value(network, Value::map([("country", iso)])).map_err(|error| error.to_string())?;
        systems.insert_value(network, Value::map(system)).map_err(|error| error.to_string())?;
    }
    for (writer, path) in [(countries, country), (systems, asn)] {
        let bytes = writer.to_bytes().map_err(|error| error.to_string())?;
        std::fs::write(&path, bytes).map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(())
}

//! What is known of the labelled stories: which signals name the true cause of an attack, and which honest story looks
//! most like it. Judges figures; no scorer ever sees it.

/// Kinds of signal that name the true cause, by a part of the scenario's name; the first that fits.
const CAUSES: &[(&str, &[&str])] = &[
    ("token_replay", &["new_network", "new_asn", "new_country", "user_agent_changed", "tls_fingerprint_changed"]),
    ("cloned_ua", &["tls_fingerprint_changed", "new_network", "new_asn"]),
    ("concurrent", &["concurrent_networks", "new_asn", "new_country", "user_agent_changed"]),
    ("impossible_travel", &["impossible_travel", "new_country", "new_asn"]),
    ("stolen_api_key", &["new_country", "new_asn"]),
    ("posture", &["posture_degraded"]),
    ("binding", &["binding_lost", "binding_changed"]),
    ("service_account", &["sensitive_first_use", "mix_drift"]),
    ("scope_escalation", &["scope_widened", "sensitive_first_use"]),
    ("export", &["bulk_export", "mix_drift"]),
    ("probing", &["error_probing"]),
    ("dojo", &["out_of_scope"]),
    ("cloned_context", &["new_network", "tls_fingerprint_changed", "bulk_export", "sensitive_first_use"]),
    ("poisoning", &["bulk_export", "mix_drift", "sensitive_first_use", "new_asn"]),
];

/// Honest stories that look like an attack, by how its name begins; the first that fits.
const TWINS: &[(&str, &[&str])] = &[
    ("token_replay_new_asn", &["business_travel", "relay_asn_hops"]),
    ("token_replay_same_country_residential", &["wifi_lte_handoff", "cgnat_churn"]),
    ("cloned_ua_different_ja4", &["browser_auto_update"]),
    ("concurrent_aitm", &["office_nat", "vpn_toggle"]),
    ("impossible_travel", &["vpn_toggle", "business_travel"]),
    ("stolen_api_key_new_geo_asn", &["ci_rotating_cloud_ips"]),
    ("device_posture_lost", &["posture_flap"]),
    ("binding_lost", &["key_rotation"]),
    ("service_account_admin", &["deploy_burst"]),
    ("scope_escalation", &["step_up_consent"]),
    ("agent_tau_export", &["agent_tau"]),
    ("bulk_export_fast", &["month_end_export"]),
    ("low_and_slow_export", &["dashboard_polling"]),
    ("web_probing", &["web_benign", "expired_token_401_storm"]),
    ("error_probing", &["web_benign", "expired_token_401_storm"]),
    ("agent_dojo_gt_injected_banking", &["agent_dojo_gt_benign_banking"]),
    ("agent_dojo_gt_injected_slack", &["agent_dojo_gt_benign_slack"]),
    ("agent_dojo_gt_injected_travel", &["agent_dojo_gt_benign_travel"]),
    ("agent_dojo_gt_injected_workspace", &["agent_dojo_gt_benign_workspace"]),
    ("cloned_context_same_asn", &["quiet"]),
    ("baseline_poisoning", &["quiet"]),
];

/// Names of the signals that say what a scenario truly is.
pub(super) fn causes(scenario: &str) -> &'static [&'static str] {
    CAUSES.iter().find(|(part, _)| scenario.contains(part)).map_or(&[], |(_, kinds)| kinds)
}

/// Names of the honest scenarios that an attack is to be told apart from.
pub(super) fn twins(scenario: &str) -> &'static [&'static str] {
    TWINS.iter().find(|(start, _)| scenario.starts_with(start)).map_or(&[], |(_, twins)| twins)
}

/// Whether a scenario is a session's hijacking, as told apart from scanners and from agents led astray.
pub(super) fn hijack(scenario: &str) -> bool {
    !scenario.starts_with("web_") && !scenario.starts_with("agent_")
}

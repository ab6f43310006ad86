# The default rules for people and sensitive routes, as a policy engine would say them.
package session_risk

default decision := "allow"

decision := "deny" if {
	contains(input.reasons, "out_of_scope")
} else := "deny" if {
	contains(input.reasons, "duplicate_identity")
} else := "step_up" if {
	input.tier in {"Sensitive", "Critical"}
	input.score >= 15
} else := "step_up" if {
	input.level in {"high", "critical"}
}

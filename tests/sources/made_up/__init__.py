"""A brand that nobody makes, as small as a brand can be: what CONTRIBUTING.md says is enough."""

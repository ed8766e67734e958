"""The portal's pages for people without an agent."""

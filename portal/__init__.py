"""The reference portal: a courier between officers and owners. It can read no footage and forge no request."""

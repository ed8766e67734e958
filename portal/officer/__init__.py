"""The officer's side: keys, requests, packages. What is secret here never reaches the portal."""

"""What the Python suites share: programs and deadlines, the local gateway, clients, a browser, Lambda emulators."""

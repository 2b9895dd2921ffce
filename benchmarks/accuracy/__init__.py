"""How accurate predictions of groups are that were never seen: suites for `aam benchmark`, and networks one by one."""

"""Asterisk: ARI, AMI, FastAGI, snapshots, and where its programs come from. Free of imports: install.py runs early."""

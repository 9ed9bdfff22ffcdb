"""One life of the router: the inbox, what enters it, and the parts that live as long as it does."""

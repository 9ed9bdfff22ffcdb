"""Key figures: definitions, pure, on what the store has on record. Each says where its formula comes from."""

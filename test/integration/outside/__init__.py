"""MiniShop seen from outside: what the integration tests, scripts/bench and scripts/chaos share. Standard library only."""

"""The front door: Envoy, configured by files. Pages go by the gate's word, inference by tokens that Envoy checks itself."""

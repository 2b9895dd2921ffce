"""Distributed training: ranks, collective operations, and sharding of the model."""

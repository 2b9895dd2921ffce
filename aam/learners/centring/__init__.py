"""Features about the mean of their study, so that what differs between studies is not learned."""

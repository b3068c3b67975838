"""What goes through Kafka, for people who look: dead letters, entities and how they are judged."""

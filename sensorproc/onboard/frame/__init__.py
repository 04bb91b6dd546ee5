"""What has one exposure measured: electrons above the background, on which pixels?"""
